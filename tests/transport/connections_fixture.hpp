#pragma once
// A listener on loopback whose connections belong to one owner, and a dialling owner, in one actor
// system with real sockets and threads.

#include <mutex>
#include <vector>

#include <caf/io/middleman.hpp>
#include <gtest/gtest.h>

#include "tests/support/connection_owner.hpp"
#include "tests/support/pki.hpp"
#include "transport/connection.hpp"

namespace cecollm::tests {

struct TransportConfig : caf::actor_system_config {
  TransportConfig() {
    load<caf::io::middleman>();
    add_message_types<caf::id_block::cecollm_transport>();
    set("scheduler.max-threads", 2);
    set("scheduler.policy", caf::atom("sharing"));  // stealing polls
  }
};

/// What the listener turned away, from CAF's thread.
class Refusals {
 public:
  transport::RefusalHandler handler(caf::actor_system& system) {
    inbox_ = std::make_unique<ConnectionOwner>(system);
    return [inbox = inbox_->actor()](const transport::Error& error) {
      caf::anon_send(inbox, transport::ConnectionDown{error});
    };
  }
  std::optional<transport::Error> next() { return inbox_->down(); }

 private:
  std::unique_ptr<ConnectionOwner> inbox_;
};

class ConnectionsFixture : public ::testing::Test {
 protected:
  ~ConnectionsFixture() override { caf::anon_send_exit(listener, caf::exit_reason::user_shutdown); }

  void start(std::shared_ptr<const transport::TlsContext> tls,
             const std::string& host = "127.0.0.1", std::size_t max_connections = 100) {
    auto listening = transport::listen(
        system, {host, 0}, std::move(tls), server_limits, max_connections,
        [owner = server.actor()] { return owner; }, refusals.handler(system));
    ASSERT_TRUE(listening) << listening.error().message;
    listener = listening->listener;
    bound = listening->bound;
  }
  void connect(std::shared_ptr<const transport::TlsContext> tls) {
    transport::dial(system, bound, std::move(tls), client_limits, client.actor());
  }
  /// A connected pair over TLS.
  void start_and_connect() {
    start(pki.server());
    connect(pki.client());
    ASSERT_TRUE(client.up());
    ASSERT_TRUE(server.up());
  }

  TransportConfig config;
  caf::actor_system system{config};
  Pki pki;
  transport::ConnectionLimits server_limits;
  transport::ConnectionLimits client_limits;
  Refusals refusals;
  ConnectionOwner server{system};
  ConnectionOwner client{system};
  caf::actor listener;
  transport::Endpoint bound;
};

}  // namespace cecollm::tests
