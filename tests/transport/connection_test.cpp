#include "transport/connection.hpp"

#include <ctime>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/raw_socket.hpp"
#include "tests/transport/connections_fixture.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using tests::ConnectionOwner;
using tests::Pki;
using tests::RawListener;
using tests::RawSocket;

class Connections : public tests::ConnectionsFixture {};

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

TEST_F(Connections, RefuseAServerThatIsNotTheOneAskedFor) {
  start(*TlsContext::load(TlsRole::server, pki.issue({"cloud", {"DNS:localhost"}, "serverAuth"})));
  connect(pki.client());  // to 127.0.0.1, which the certificate does not name
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("IP address mismatch"));
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
}

TEST_F(Connections, RefuseAClientOfAnotherAuthority) {
  Pki foreign("another CA");
  auto files = foreign.issue({"intruder", {}, "clientAuth"});
  files.authority = pki.authority();
  start(pki.server());
  connect(*TlsContext::load(TlsRole::client, files));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("unknown ca"));
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  EXPECT_FALSE(server.next<ConnectionUp>(0ms)) << "an owner was bothered";
}

TEST_F(Connections, TellAClientOfItsRefusalEvenWhenItHasAlreadySent) {
  // TLS 1.3: the client may send before the server has judged it. What it sent must not make the
  // server's last words disappear in a reset.
  Pki foreign("another CA");
  auto files = foreign.issue({"intruder", {}, "clientAuth"});
  files.authority = pki.authority();
  start(pki.server());
  for (int i = 0; i < 10; ++i) {
    connect(*TlsContext::load(TlsRole::client, files));
    if (client.up()) {
      client.send(std::string(200'000, 'x'));
    }
    const auto down = client.down();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->code, ErrorCode::handshake_failed) << down->message;
  }
}

TEST_F(Connections, RefuseAnExpiredClient) {
  start(pki.server());
  connect(
      *TlsContext::load(TlsRole::client, pki.issue({"edge", {}, "clientAuth", -7200s, -3600s})));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(down->message, HasSubstr("certificate expired"));
}

TEST_F(Connections, RefuseAClientWithoutACertificate) {
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_fd(ssl.get(), peer.get());
  EXPECT_EQ(SSL_connect(ssl.get()), 1);  // TLS 1.3: the refusal comes later
  char byte = 0;
  EXPECT_LE(SSL_read(ssl.get(), &byte, 1), 0);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
  ERR_clear_error();
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  EXPECT_THAT(refused->message, HasSubstr("peer did not return a certificate"));
  EXPECT_FALSE(server.next<ConnectionUp>(0ms));
}

TEST_F(Connections, RefuseTlsBelow13) {
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  SSL_set_fd(ssl.get(), peer.get());
  EXPECT_NE(SSL_connect(ssl.get()), 1);
  ERR_clear_error();
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->message, HasSubstr("unsupported protocol"));
}

TEST_F(Connections, RefusePeersThatDoNotSpeakTls) {
  start(pki.server());
  for (const std::string_view bytes :
       {std::string_view("\0\0\0\5hello", 9), std::string_view("GET / HTTP/1.1\r\n\r\n"),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff")}) {
    RawSocket peer;
    peer.connect(bound.port);
    ASSERT_TRUE(peer.send(bytes));
    EXPECT_TRUE(peer.read_to_end());
    const auto refused = refusals.next();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, ErrorCode::handshake_failed);
  }
  EXPECT_FALSE(server.next<ConnectionUp>(0ms));
}

TEST_F(Connections, RefuseAServerThatDoesNotSpeakTls) {
  RawListener raw;
  bound = {"127.0.0.1", raw.port()};
  connect(pki.client());
  auto peer = raw.accept();
  ASSERT_TRUE(peer.send("220 mail.example ESMTP\r\n"));
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::handshake_failed);
  EXPECT_TRUE(peer.read_to_end());
}

TEST_F(Connections, DropPeersThatConnectAndSayNothing) {
  server_limits.connect_timeout = 200ms;
  start(pki.server());
  RawSocket peer;
  peer.connect(bound.port);
  const auto refused = refusals.next();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::timed_out);
  EXPECT_TRUE(peer.read_to_end());
}

TEST_F(Connections, GiveUpOnAServerThatConnectsAndSaysNothing) {
  client_limits.connect_timeout = 200ms;
  RawListener raw;
  bound = {"127.0.0.1", raw.port()};
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::timed_out);
}

TEST_F(Connections, GiveUpOnAnAddressThatDoesNotAnswer) {
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

TEST_F(Connections, CancelAConnectWhoseOwnerDies) {
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

TEST_F(Connections, SayThatNobodyListens) {
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

TEST_F(Connections, SayThatANameHasNoAddress) {
  bound = {"no..such..name", 7070};  // no query leaves the machine for it
  connect(pki.client());
  const auto down = client.down();
  ASSERT_TRUE(down);
  EXPECT_EQ(down->code, ErrorCode::unresolved);
  EXPECT_THAT(down->message, HasSubstr("no..such..name"));
}

TEST_F(Connections, RefuseToDialOtherMachinesWithoutTls) {
  for (const char* host : {"192.0.2.1", "cloud.example"}) {
    bound = {host, 7070};
    connect(nullptr);
    const auto down = client.down();
    ASSERT_TRUE(down);
    EXPECT_EQ(down->code, ErrorCode::insecure_refused);
  }
}

TEST_F(Connections, RefuseToListenForOtherMachinesWithoutTls) {
  for (const char* host : {"0.0.0.0", "::"}) {
    const auto listening =
        listen(system, {host, 0}, nullptr, server_limits, 1, [] { return caf::actor(); });
    ASSERT_FALSE(listening);
    EXPECT_EQ(listening.error().code, ErrorCode::insecure_refused);
  }
}

TEST_F(Connections, SayWhyTheyCannotListen) {
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

TEST_F(Connections, EndOnAFrameAboveTheBound) {
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

TEST_F(Connections, EndWhenThePeerIsSilent) {
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

TEST_F(Connections, EndWhenThePeerDoesNotReadAndLeaveTheOthersAlone) {
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

TEST_F(Connections, StayBelowTheirMaximumNumber) {
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

TEST_F(Connections, RefuseWhomTheFactoryGivesNoOwner) {
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

std::shared_ptr<EmulatedLink> link_of(caf::actor_system& system, const char* spec) {
  return std::make_shared<EmulatedLink>(*parse_link_spec(spec), system.clock().now());
}

TEST_F(Connections, CrossAnEmulatedLinkBelowTls) {
  start(pki.server());
  const auto begun = std::chrono::steady_clock::now();
  dial(system, bound, pki.client(), client_limits, client.actor(),
       link_of(system, "rtt=60ms,up=8mbit,down=80mbit"));
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
      [owner = server.actor()] { return owner; }, {}, link_of(system, "rtt=60ms,down=8mbit"));
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

/// Uses up every descriptor there is, as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto low = before_;
    low.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int copy = ::dup(0); copy >= 0; copy = ::dup(0)) {
      copies_.push_back(copy);
    }
  }
  ~NoDescriptors() {
    for (const int copy : copies_) {
      ::close(copy);
    }
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<int> copies_;
};

TEST_F(Connections, SurviveTheLackOfDescriptorsWithoutSpinning) {
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

}  // namespace
}  // namespace cecollm::transport
