#pragma once
// The broker of one connection: moves bytes between a socket and a Session, and the session's
// events to the owner.

#include <memory>
#include <string>

#include <caf/io/broker.hpp>

#include "transport/connect_attempt.hpp"
#include "transport/connection.hpp"
#include "transport/inbound_window.hpp"
#include "transport/session.hpp"

namespace cecollm::transport {

struct DialPlan {
  Endpoint endpoint;
  std::shared_ptr<const TlsContext> tls;
  ConnectionLimits limits;
  caf::actor owner;
};

struct AcceptPlan {
  std::shared_ptr<const TlsContext> tls;
  ConnectionLimits limits;
  OwnerFactory make_owner;
  RefusalHandler on_refused;
};

class ConnectionBroker : public caf::io::broker {
 public:
  explicit ConnectionBroker(caf::actor_config& config) : broker(config) {}

  /// Behaviour of a connection that this side opens.
  caf::behavior dial(DialPlan plan);
  /// Behaviour of a connection that was accepted; it has been moved to this broker.
  caf::behavior accept(AcceptPlan plan, caf::io::connection_handle handle);

  const char* name() const override { return "connection"; }
  void on_exit() override;

 private:
  caf::behavior run();
  void connected(internal::Connected& result);
  void begin(std::unique_ptr<SecureStream> stream, std::string peer);
  void on_tick();
  void on_owner_gone();
  void settle();
  void report(SessionEvent& event);
  void set_owner(caf::actor owner);
  void bring_up(std::string identity);
  void bring_down(Error reason);
  void shut_down_writing();
  void arm_timer();
  Session::TimePoint now();

  std::shared_ptr<const TlsContext> tls_;
  ConnectionLimits limits_;
  Endpoint endpoint_;        // of the server, on the client's side
  OwnerFactory make_owner_;  // on the server's side
  RefusalHandler on_refused_;
  caf::actor owner_;
  caf::io::connection_handle handle_;
  std::string peer_address_;
  std::shared_ptr<ConnectAttempt> attempt_;
  std::unique_ptr<Session> session_;  // null while connecting
  std::shared_ptr<InboundWindow> inbound_;
  Session::TimePoint deadline_;  // of connecting and the handshake
  Session::TimePoint armed_ = Session::TimePoint::max();
  bool goodbye_sent_ = false;
};

}  // namespace cecollm::transport
