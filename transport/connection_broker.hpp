#pragma once
// The broker of one connection: moves bytes between a socket and an OwnedConnection.

#include <memory>
#include <string>

#include <caf/io/broker.hpp>

#include "transport/connect_attempt.hpp"
#include "transport/connection.hpp"
#include "transport/owned_connection.hpp"

namespace cecollm::transport {

class SocketScribe;

struct DialPlan {
  Endpoint endpoint;
  std::shared_ptr<const TlsContext> tls;
  ConnectionLimits limits;
  caf::actor owner;
  std::shared_ptr<EmulatedLink> link;
};

struct AcceptPlan {
  std::shared_ptr<const TlsContext> tls;
  ConnectionLimits limits;
  OwnerFactory make_owner;
  RefusalHandler on_refused;
  std::shared_ptr<EmulatedLink> link;
};

class ConnectionBroker : public caf::io::broker, private ByteStream {
 public:
  explicit ConnectionBroker(caf::actor_config& config) : broker(config) {}

  /// Behaviour of a connection that this side opens.
  caf::behavior dial(DialPlan plan);
  /// Behaviour of a connection that was accepted; it has been moved to this broker.
  caf::behavior accept(const AcceptPlan& plan, caf::io::connection_handle handle);

  const char* name() const override { return "connection"; }
  void on_exit() override;

 private:
  caf::behavior run();
  void connected(internal::Connected& result);
  void open();
  void begin(Result<std::unique_ptr<SecureStream>> stream, const std::string& peer);
  void on_tick();
  /// Null once it is closed.
  SocketScribe* socket();

  bool write(std::vector<char> bytes) override;
  /// Hands the socket what write() has put together. True: all of it is gone.
  bool write_out();
  void shut_down_writing() override;
  void set_reading(bool wanted) override;

  OwnedConnection connection_{this, this};
  std::shared_ptr<const TlsContext> tls_;
  Endpoint endpoint_;  // of the server, on the client's side
  caf::io::connection_handle handle_;
  std::string peer_address_;
  bool write_due_ = false;              // what write() has put together is not with the socket yet
  std::unique_ptr<LinkEmulator> link_;  // until begin()
  std::shared_ptr<ConnectAttempt> attempt_;
  Session::TimePoint deadline_;                             // of connecting and the handshake
  Session::TimePoint open_at_ = Session::TimePoint::max();  // when the link has connected
};

}  // namespace cecollm::transport
