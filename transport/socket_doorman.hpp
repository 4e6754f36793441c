#pragma once
// CAF's acceptor over a listening socket. When the process has no descriptor left, caf::io's own
// would be woken again and again; this one stops and tells its broker.

#include <functional>

#include <caf/io/doorman.hpp>
#include <caf/io/network/acceptor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>

namespace cecollm::transport {

class SocketDoorman : public caf::io::doorman {
 public:
  /// Owns `socket` from now on. `on_exhausted` runs on the multiplexer's thread when accepting
  /// failed for want of resources; accepting has then stopped until trigger().
  SocketDoorman(caf::io::network::default_multiplexer& multiplexer,
                caf::io::network::native_socket socket, std::function<void()> on_exhausted);

  bool new_connection() override;
  void graceful_shutdown() override;
  void launch() override;
  std::string addr() const override;
  std::uint16_t port() const override;
  void add_to_loop() override;
  void remove_from_loop() override;

 private:
  struct AcceptPolicy {
    std::function<void()> on_exhausted;
    bool try_accept(caf::io::network::native_socket& accepted,
                    caf::io::network::native_socket listening) const;
  };
  std::function<void()> on_exhausted_;
  caf::io::network::acceptor_impl<AcceptPolicy> acceptor_;
};

}  // namespace cecollm::transport
