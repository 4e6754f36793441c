// What connections do over real sockets when all goes well.

#include "transport/connection.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>

#include "tests/support/raw_socket.hpp"
#include "tests/transport/connections_fixture.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using tests::ConnectionOwner;

class Connections : public tests::ConnectionsFixture {
 protected:
  /// All of them wait for the client's connection when it gets to run, as it runs on that thread.
  void send_in_one_turn(const std::vector<std::string>& bodies, bool then_close) {
    system.middleman().backend().post([connection = client.connection(), bodies, then_close] {
      for (const auto& body : bodies) {
        caf::anon_send(connection, SendFrame{tests::shared_frame(body)});
      }
      if (then_close) caf::anon_send(connection, CloseConnection{});
    });
  }
};

/// Packets with bytes in them that the socket has received.
std::uint32_t packets_received(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  EXPECT_EQ(::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info.tcpi_data_segs_in;
}

TEST_F(Connections, CarryFramesBothWaysOverTls) {
  start(pki.server());
  connect(pki.client("edge-7"));
  const auto client_up = client.up();
  const auto server_up = server.up();
  ASSERT_TRUE(client_up);
  ASSERT_TRUE(server_up);
  EXPECT_EQ(client_up->peer_identity, "cloud");
  EXPECT_EQ(client_up->peer_address, to_string(bound));
  EXPECT_EQ(server_up->peer_identity, "edge-7");
  EXPECT_THAT(server_up->peer_address, HasSubstr("127.0.0.1:"));
  client.send("hello");
  EXPECT_EQ(server.frame(), "hello");
  const std::string large(3U << 20U, 'x');
  server.send(large);
  EXPECT_EQ(client.frame(), large);
}

TEST_F(Connections, WorkOverIpv6) {
  if (!listen_on(*resolve({"::1", 0}, true))) {
    GTEST_SKIP() << "this machine has no IPv6 loopback";
  }
  start(pki.server(), "::1");
  connect(pki.client());
  ASSERT_TRUE(client.up());
  client.send("hello");
  EXPECT_EQ(server.frame(), "hello");
}

TEST_F(Connections, WorkWithoutTlsOnLoopback) {
  start(nullptr);
  connect(nullptr);
  const auto up = client.up();
  ASSERT_TRUE(up);
  EXPECT_EQ(up->peer_identity, "insecure");
  ASSERT_TRUE(server.up());
  client.send("hello");
  EXPECT_EQ(server.frame(), "hello");
  server.send("back");
  EXPECT_EQ(client.frame(), "back");
}

TEST_F(Connections, DeliverTheLastFramesOfASideThatCloses) {
  start_and_connect();
  const std::string large(3U << 20U, 'x');
  client.send(large);
  client.send("last");
  client.close();
  EXPECT_EQ(server.frame(), large);
  EXPECT_EQ(server.frame(), "last");
  const auto far = server.down();
  ASSERT_TRUE(far);
  EXPECT_EQ(far->code, ErrorCode::closed);
  EXPECT_THAT(far->message, HasSubstr("closed the connection"));
  const auto near = client.down();
  ASSERT_TRUE(near);
  EXPECT_EQ(near->code, ErrorCode::closed);
  EXPECT_THAT(near->message, HasSubstr("closed by this side"));
}

// An ask and its row: on a radio link each packet costs.
TEST_F(Connections, SendFramesOfOneTurnInOnePacket) {
  tests::RawListener cloud;
  bound = {"127.0.0.1", cloud.port()};
  connect(nullptr);
  auto socket = cloud.accept();
  ASSERT_TRUE(client.up());
  send_in_one_turn({"row", "ask"}, true);
  std::string bytes;
  ASSERT_TRUE(socket.read_to_end(&bytes));
  EXPECT_EQ(bytes, std::string("\0\0\0\3row\0\0\0\3ask", 14));
  EXPECT_EQ(packets_received(socket.get()), 1U);
}

TEST_F(Connections, SendAllFramesOfATurnThatCloses) {
  start_and_connect();
  const std::string large(3U << 20U, 'x');
  send_in_one_turn({"first", large, "last"}, true);
  EXPECT_EQ(server.frame(), "first");
  EXPECT_EQ(server.frame(), large);
  EXPECT_EQ(server.frame(), "last");
  ASSERT_TRUE(server.down());
  const auto near = client.down();
  ASSERT_TRUE(near);
  EXPECT_THAT(near->message, HasSubstr("closed by this side"));
}

TEST_F(Connections, FlushAndCloseWhenTheirOwnerDies) {
  start_and_connect();
  {
    ConnectionOwner mortal(system);
    dial(system, bound, pki.client(), client_limits, mortal.actor());
    ASSERT_TRUE(mortal.up());
    ASSERT_TRUE(server.up());
    mortal.send(std::string(1U << 20U, 'x'));
    mortal.send("testament");
  }
  EXPECT_EQ(server.frame(), std::string(1U << 20U, 'x'));
  EXPECT_EQ(server.frame(), "testament");
  const auto down = server.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::closed);
}

TEST_F(Connections, TellTheirOwnerWhenTheirActorIsKilled) {
  start_and_connect();
  caf::anon_send_exit(client.connection(), caf::exit_reason::kill);
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::closed);
  EXPECT_TRUE(server.down());
}

TEST_F(Connections, SayWhenTheQueueHasDrained) {
  client_limits.max_queued_bytes = 8U << 20U;
  start_and_connect();
  client.send(std::string(5U << 20U, 'x'));
  const auto drained = client.next<SendQueueDrained>();
  ASSERT_TRUE(drained);
  EXPECT_LT(drained->queued_bytes, 4U << 20U);
  EXPECT_EQ(server.frame()->size(), 5U << 20U);
}

/// What an owner has taken and not dealt with.
struct Hoard {
  std::mutex mutex;
  std::vector<FrameArrived> frames;
  std::size_t bytes = 0;
  std::size_t most_bytes = 0;
  std::size_t taken = 0;
};

TEST_F(Connections, ReadNoMoreThanTheirOwnerTakes) {
  server_limits.max_inbound_bytes = 100'000;
  constexpr std::size_t count = 400;
  const auto hoard = std::make_shared<Hoard>();
  const auto take = [](caf::event_based_actor* self, std::shared_ptr<Hoard> all) -> caf::behavior {
    self->set_default_handler(caf::drop);  // answers what it does not handle with an error
    return {[all](FrameArrived& frame) {
      const std::lock_guard lock(all->mutex);
      all->bytes += frame.envelope.size();
      all->most_bytes = std::max(all->most_bytes, all->bytes);
      ++all->taken;
      all->frames.push_back(std::move(frame));
    }};
  };
  const auto hoarder = system.spawn(take, hoard);
  auto listening = listen(system, {"127.0.0.1", 0}, pki.server(), server_limits, 10,
                          [hoarder] { return hoarder; });
  ASSERT_TRUE(listening);
  listener = listening->listener;
  bound = listening->bound;
  connect(pki.client());
  ASSERT_TRUE(client.up());
  for (std::size_t i = 0; i < count; ++i) {
    client.send(std::string(10'000, 'x'));
  }
  const auto deadline = std::chrono::steady_clock::now() + ConnectionOwner::patience;
  std::size_t taken = 0;
  while (taken < count && std::chrono::steady_clock::now() < deadline) {
    client.next<ConnectionDown>(20ms);  // let it fill; nothing goes down
    std::vector<FrameArrived> released;
    const std::lock_guard lock(hoard->mutex);
    released.swap(hoard->frames);
    hoard->bytes = 0;
    taken = hoard->taken;
  }
  EXPECT_EQ(taken, count);
  const std::lock_guard lock(hoard->mutex);
  EXPECT_GT(hoard->most_bytes, 50'000U) << "nothing was ever held";
  // The limit, and what one read brought beyond it.
  EXPECT_LE(hoard->most_bytes, 100'000U + 2 * 16'384U);
  caf::anon_send_exit(hoarder, caf::exit_reason::user_shutdown);
}

TEST_F(Connections, GoOnWhenTheirListenerIsStopped) {
  start_and_connect();
  caf::scoped_actor self(system);
  self->monitor(listener);
  caf::anon_send_exit(listener, caf::exit_reason::kill);
  self->receive([](caf::down_msg&) {}, caf::after(ConnectionOwner::patience) >> [] { FAIL(); });
  client.send("still here");
  EXPECT_EQ(server.frame(), "still here");
  ConnectionOwner late(system);
  dial(system, bound, pki.client(), client_limits, late.actor());
  const auto down = late.down();
  ASSERT_TRUE(down);
  EXPECT_TRUE(down->code == ErrorCode::unreachable || down->code == ErrorCode::handshake_failed);
}

TEST_F(Connections, ServeManyAtOnce) {
  constexpr int count = 60;
  start(pki.server());
  const auto tls = pki.client();
  std::vector<std::unique_ptr<ConnectionOwner>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<ConnectionOwner>(system));
    dial(system, bound, tls, client_limits, clients.back()->actor());
  }
  std::vector<caf::actor> servers;
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(clients[static_cast<std::size_t>(i)]->up());
    ASSERT_TRUE(server.up());
    servers.push_back(server.connection());
  }
  for (int i = 0; i < count; ++i) {
    clients[static_cast<std::size_t>(i)]->send("from " + std::to_string(i));
    caf::anon_send(servers[static_cast<std::size_t>(i)],
                   SendFrame{tests::shared_frame(std::string(100'000, 'y'))});
  }
  std::vector<std::string> heard;
  for (int i = 0; i < count; ++i) {
    const auto frame = clients[static_cast<std::size_t>(i)]->frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->size(), 100'000U);
    heard.push_back(server.frame().value_or("nothing"));
  }
  std::sort(heard.begin(), heard.end());
  EXPECT_EQ(std::unique(heard.begin(), heard.end()), heard.end());
  EXPECT_THAT(heard, ::testing::Contains("from 59"));
  for (const auto& actor : servers) {
    caf::anon_send(actor, CloseConnection{});
  }
  for (const auto& owner : clients) {
    EXPECT_TRUE(owner->down());
  }
}

std::shared_ptr<EmulatedLink> described_link(caf::actor_system& system, const char* spec) {
  return std::make_shared<EmulatedLink>(*parse_link_spec(spec), system.clock().now());
}

TEST_F(Connections, CrossAnEmulatedLinkBelowTls) {
  start(pki.server());
  const auto begun = std::chrono::steady_clock::now();
  dial(system, bound, pki.client(), client_limits, client.actor(),
       described_link(system, "rtt=60ms,up=8mbit,down=80mbit"));
  ASSERT_TRUE(client.up());
  ASSERT_TRUE(server.up());
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 150ms);  // TCP, TLS, and half a round trip

  const auto asked = std::chrono::steady_clock::now();
  client.send("ask");
  EXPECT_EQ(server.frame(), "ask");
  server.send("answer");
  EXPECT_EQ(client.frame(), "answer");
  EXPECT_GE(std::chrono::steady_clock::now() - asked, 60ms);

  const auto uploaded = std::chrono::steady_clock::now();
  const std::string large(400'000, 'x');
  client.send(large);
  EXPECT_EQ(server.frame(), large);
  EXPECT_GE(std::chrono::steady_clock::now() - uploaded, 400ms);  // at 1 MB/s
  client.send("last");
  client.close();
  EXPECT_EQ(server.frame(), "last");
  EXPECT_TRUE(server.down());
}

TEST_F(Connections, CrossAnEmulatedLinkOnTheServersSide) {
  auto listening = listen(
      system, {"127.0.0.1", 0}, pki.server(), server_limits, 10,
      [owner = server.actor()] { return owner; }, {},
      described_link(system, "rtt=60ms,down=8mbit"));
  ASSERT_TRUE(listening);
  listener = listening->listener;
  bound = listening->bound;
  connect(pki.client());
  ASSERT_TRUE(client.up());
  ASSERT_TRUE(server.up());
  const auto begun = std::chrono::steady_clock::now();
  server.send(std::string(400'000, 'x'));
  EXPECT_EQ(client.frame()->size(), 400'000U);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 400ms);
}

TEST_F(Connections, EndWhenTheirEmulatedLinkResets) {
  auto shape = parse_link_trace(
      "time_s,rtt_ms,mbit_up,mbit_down,state\n0,1,100,100,up\n0.5,1,100,100,reset\n", "trace");
  ASSERT_TRUE(shape);
  start(pki.server());
  const auto doomed = std::make_shared<EmulatedLink>(*shape, system.clock().now());
  dial(system, bound, pki.client(), client_limits, client.actor(), doomed);
  ASSERT_TRUE(client.up());
  ASSERT_TRUE(server.up());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::closed);
  EXPECT_THAT(down->message, HasSubstr("emulated link was reset"));
  EXPECT_TRUE(server.down());
  dial(system, bound, pki.client(), client_limits, client.actor(), doomed);
  const auto refused = client.down();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::unreachable);
}

}  // namespace
}  // namespace cecollm::transport
