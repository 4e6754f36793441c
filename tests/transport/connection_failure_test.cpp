// What can go wrong with connections over real sockets, and their bounds.

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/no_descriptors.hpp"
#include "tests/support/raw_socket.hpp"
#include "tests/transport/connections_fixture.hpp"
#include "transport/connection.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using tests::ConnectionOwner;
using tests::NoDescriptors;
using tests::Pki;
using tests::RawListener;
using tests::RawSocket;

class ConnectionFailures : public tests::ConnectionsFixture {};

TEST_F(ConnectionFailures, DropPeersThatConnectAndSayNothing) {
  server_limits.connect_timeout = 200ms;
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::timed_out);
  EXPECT_TRUE(peer.read_to_end());
}

TEST_F(ConnectionFailures, GiveUpOnAServerThatConnectsAndSaysNothing) {
  client_limits.connect_timeout = 200ms;
  RawListener raw;
  bound = {"127.0.0.1", raw.port()};
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::timed_out);
}

TEST_F(ConnectionFailures, GiveUpOnAnAddressThatDoesNotAnswer) {
  client_limits.connect_timeout = 200ms;
  RawListener full(0);  // its backlog holds one, further SYNs are dropped
  RawSocket first;
  first.connect(full.port());
  bound = {"127.0.0.1", full.port()};
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::timed_out);
}

TEST_F(ConnectionFailures, CancelAConnectWhoseOwnerDies) {
  client_limits.connect_timeout = 10min;  // far beyond this test's limit
  RawListener full(0);
  RawSocket first;
  first.connect(full.port());
  {
    ConnectionOwner mortal(system);
    dial(system, {"127.0.0.1", full.port()}, pki.client(), client_limits, mortal.actor());
  }
  // The system ends only when the connection's actor has ended.
}

TEST_F(ConnectionFailures, SayThatNobodyListens) {
  {
    RawListener gone;
    bound = {"127.0.0.1", gone.port()};
  }
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::unreachable);
  EXPECT_THAT(down->message, HasSubstr("Connection refused"));
}

TEST_F(ConnectionFailures, SayThatANameHasNoAddress) {
  bound = {"no..such..name", 7070};  // no query leaves the machine for it
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::unresolved);
  EXPECT_THAT(down->message, HasSubstr("no..such..name"));
}

TEST_F(ConnectionFailures, SayWhyTheyCannotListen) {
  start(pki.server());
  auto again = listen(system, bound, pki.server(), server_limits, 1, [] { return caf::actor(); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::address_in_use);
  auto elsewhere =
      listen(system, {"192.0.2.1", 0}, pki.server(), server_limits, 1, [] { return caf::actor(); });
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::bad_address);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("192.0.2.1"));
}

TEST_F(ConnectionFailures, EndOnAFrameAboveTheBound) {
  server_limits.max_frame_bytes = 1000;
  start(nullptr);
  for (const std::string_view prefix :
       {std::string_view("\xff\xff\xff\xff"), std::string_view("\0\0\x03\xe9", 4)}) {
    RawSocket peer;
    peer.connect(bound.port);
    ASSERT_TRUE(server.up());
    ASSERT_TRUE(peer.send(prefix));
    const auto down = server.down();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->code, ErrorCode::frame_too_large);
    EXPECT_TRUE(peer.read_to_end());
  }
}

TEST_F(ConnectionFailures, EndWhenThePeerIsSilent) {
  server_limits.silence_limit = 200ms;
  start(nullptr);
  RawSocket peer;
  peer.connect(bound.port);
  ASSERT_TRUE(server.up());
  const auto down = server.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::peer_silent);
  EXPECT_TRUE(peer.read_to_end());
}

TEST_F(ConnectionFailures, EndWhenThePeerDoesNotReadAndLeaveTheOthersAlone) {
  server_limits.max_queued_bytes = 4U << 20U;
  start(nullptr);
  RawSocket slow;
  slow.shrink_receive_buffer();
  slow.connect(bound.port);
  ASSERT_TRUE(server.up());
  const auto to_slow = server.connection();
  connect(nullptr);
  ASSERT_TRUE(client.up());
  ASSERT_TRUE(server.up());

  const auto frame = tests::shared_frame(std::string(1U << 20U, 'x'));
  for (int i = 0; i < 16; ++i) {  // more than the kernel and the queue hold together
    caf::anon_send(to_slow, SendFrame{frame});
  }
  server.send("still here");
  EXPECT_EQ(client.frame(), "still here");
  const auto down = server.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::queue_full);
  EXPECT_TRUE(slow.read_to_end());
  client.send("so am I");
  EXPECT_EQ(server.frame(), "so am I");
}

TEST_F(ConnectionFailures, StayBelowTheirMaximumNumber) {
  start(pki.server(), "127.0.0.1", 1);
  connect(pki.client());
  ASSERT_TRUE(client.up());
  ASSERT_TRUE(server.up());
  ConnectionOwner second(system);
  dial(system, bound, pki.client(), client_limits, second.actor());
  const auto down = second.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::refused);
  EXPECT_THAT(refused->message, HasSubstr("already 1 connections"));

  client.send("undisturbed");
  EXPECT_EQ(server.frame(), "undisturbed");
  // A place that becomes free is given away again.
  caf::scoped_actor self(system);
  self->monitor(server.connection());
  client.close();
  ASSERT_TRUE(client.down());
  server.forget();
  self->receive([](caf::down_msg&) {}, caf::after(ConnectionOwner::patience) >> [] { FAIL(); });
  for (int attempt = 0; attempt < 100; ++attempt) {  // the listener hears of it a moment later
    connect(pki.client());
    if (client.next<ConnectionUp>(500ms)) {
      return;
    }
    ASSERT_TRUE(client.down());
  }
  FAIL() << "the place stayed taken";
}

TEST_F(ConnectionFailures, RefuseWhomTheFactoryGivesNoOwner) {
  auto listening = listen(system, {"127.0.0.1", 0}, pki.server(), server_limits, 10,
                          [] { return caf::actor(); });
  ASSERT_TRUE(listening);
  listener = listening->listener;
  bound = listening->bound;
  connect(pki.client());
  EXPECT_TRUE(client.up());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::closed);
}

TEST_F(ConnectionFailures, SurviveTheLackOfDescriptorsWithoutSpinning) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer itself needs descriptors to check objects";
#endif
  start(nullptr);
  RawSocket peer;
  {
    const NoDescriptors none;
    const auto busy_before = std::clock();
    peer.connect(bound.port);  // the kernel takes it; nobody can accept it
    EXPECT_FALSE(server.next<ConnectionUp>(500ms));
    const auto busy = 1000 * (std::clock() - busy_before) / CLOCKS_PER_SEC;
    EXPECT_LT(busy, 200) << "milliseconds of processor time in half a second of waiting";
  }
  ASSERT_TRUE(server.up()) << "accepting did not resume";
  ASSERT_TRUE(peer.send(std::string_view("\0\0\0\5hello", 9)));
  EXPECT_EQ(server.frame(), "hello");
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

TEST(ConnectionDescriptors, AreAllReturned) {
  const auto before = open_descriptors();
  {
    tests::TransportConfig config;
    caf::actor_system system(config);
    Pki pki;
    Pki foreign("another CA");
    ConnectionLimits limits;
    limits.connect_timeout = 300ms;
    ConnectionOwner server(system);
    auto listening = listen(system, {"127.0.0.1", 0}, pki.server(), limits, 10,
                            [owner = server.actor()] { return owner; });
    ASSERT_TRUE(listening);
    for (int i = 0; i < 5; ++i) {
      ConnectionOwner good(system);
      dial(system, listening->bound, pki.client(), limits, good.actor());
      ASSERT_TRUE(good.up());
      ConnectionOwner bad(system);
      dial(system, listening->bound, foreign.client(), limits, bad.actor());
      EXPECT_TRUE(bad.down());
      ConnectionOwner refused(system);
      dial(system, {"127.0.0.1", 1}, pki.client(), limits, refused.actor());
      EXPECT_TRUE(refused.down());
      RawSocket mute;
      mute.connect(listening->bound.port);
      EXPECT_TRUE(mute.read_to_end());
    }
    EXPECT_GT(open_descriptors(), before);
    caf::anon_send_exit(listening->listener, caf::exit_reason::user_shutdown);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(ConnectionDescriptors, AreReturnedByAConnectionThatEndsAsItOpens) {
  const auto before = open_descriptors();
  {
    tests::TransportConfig config;
    caf::actor_system system(config);
    Pki pki;
    ConnectionOwner server(system);
    auto listening = listen(system, {"127.0.0.1", 0}, pki.server(), {}, 10,
                            [owner = server.actor()] { return owner; });
    ASSERT_TRUE(listening);
    const auto with_one = open_descriptors();
    for (int i = 0; i < 5; ++i) {
      std::vector<LinkSegment> segments(2);
      segments[0].rtt = segments[1].rtt = 50ms;
      segments[1].start = 40ms;  // it is connected by then, and opens within the reset
      segments[1].state = LinkState::reset;
      const LinkShape shape(std::move(segments), 10s);
      ConnectionOwner client(system);
      dial(system, listening->bound, pki.client(), {}, client.actor(),
           std::make_shared<EmulatedLink>(shape, std::chrono::steady_clock::now()));
      EXPECT_TRUE(client.down());
    }
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (open_descriptors() > with_one && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::yield();
    }
    EXPECT_EQ(open_descriptors(), with_one);
    caf::anon_send_exit(listening->listener, caf::exit_reason::user_shutdown);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace cecollm::transport
