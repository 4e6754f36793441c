#pragma once
// An emulated link as a hop of its own: accepts connections, and forwards each to one address over
// the link's shape. It sees bytes only, so TLS goes through it from end to end.

#include <cstdint>
#include <memory>
#include <thread>

#include "transport/link_emulator.hpp"
#include "transport/socket.hpp"

namespace cecollm::transport {

class LinkRelay {
 public:
  /// Listens at once. `to` is looked up anew for each connection.
  static Result<LinkRelay> start(const Endpoint& listen, const Endpoint& to,
                                 std::shared_ptr<EmulatedLink> link);
  /// Ends all connections.
  ~LinkRelay();
  LinkRelay(LinkRelay&&) noexcept;
  LinkRelay& operator=(LinkRelay&&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  struct Shared;
  LinkRelay(std::unique_ptr<Shared> shared, std::uint16_t port);

  std::unique_ptr<Shared> shared_;
  std::uint16_t port_;
  std::thread acceptor_;
};

}  // namespace cecollm::transport
