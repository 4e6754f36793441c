#include "transport/connection.hpp"

#include <caf/io/middleman.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/connection_owner.hpp"
#include "tests/support/pki.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using tests::ConnectionOwner;
using tests::Pki;

struct Config : caf::actor_system_config {
  Config() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::cecollm_transport>();
    set("scheduler.max-threads", 2);
  }
};

/// A server whose connections all belong to one owner, and a client, in one actor system.
class Connections : public ::testing::Test {
 protected:
  ~Connections() override { caf::anon_send_exit(listener, caf::exit_reason::user_shutdown); }

  void start(std::shared_ptr<const TlsContext> tls, std::size_t max_connections = 100) {
    auto listening = listen(system, {"127.0.0.1", 0}, std::move(tls), limits, max_connections,
                            [owner = server.actor()] { return owner; });
    ASSERT_TRUE(listening) << listening.error().message;
    listener = listening->listener;
    bound = listening->bound;
  }
  void connect(std::shared_ptr<const TlsContext> tls) {
    dial(system, bound, std::move(tls), limits, client.actor());
  }

  Config config;
  caf::actor_system system{config};
  Pki pki;
  ConnectionLimits limits;
  ConnectionOwner server{system};
  ConnectionOwner client{system};
  caf::actor listener;
  Endpoint bound;
};

TEST_F(Connections, CarryFramesBothWaysOverTls) {
  start(pki.server());
  connect(pki.client("edge-7"));
  const auto client_up = client.up();
  const auto server_up = server.up();
  ASSERT_TRUE(client_up);
  ASSERT_TRUE(server_up);
  EXPECT_EQ(client_up->peer_identity, "cloud");
  EXPECT_EQ(server_up->peer_identity, "edge-7");
  client.send("hello");
  EXPECT_EQ(server.frame(), "hello");
  const std::string large(3U << 20U, 'x');
  server.send(large);
  EXPECT_EQ(client.frame(), large);
  client.close();
  const auto gone = server.down();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->code, ErrorCode::closed);
  EXPECT_TRUE(client.down());
}

}  // namespace
}  // namespace cecollm::transport
