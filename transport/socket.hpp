#pragma once
// TCP sockets by address: what blocks, and what the operating system says when it fails.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "transport/endpoint.hpp"
#include "transport/error.hpp"

namespace cecollm::transport {

/// Owns one descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  int get() const { return descriptor_; }
  int release();
  bool valid() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
/// "10.0.0.7:7070" or "[::1]:7070".
std::string to_string(const SocketAddress& address);
bool is_loopback(const SocketAddress& address);

/// Addresses of a name, in the system's order of preference. Blocks, possibly for long, unless the
/// host is an address already.
Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint, bool to_listen);

/// Connects to one address; gives up after `timeout`, or when `cancel` becomes readable.
Result<Socket> connect_to(const SocketAddress& address, std::chrono::milliseconds timeout,
                          int cancel);

/// Binds to the first address that can be bound and listens.
Result<Socket> listen_on(const std::vector<SocketAddress>& addresses);

std::uint16_t local_port(int descriptor);
std::string peer_address(int descriptor);

}  // namespace cecollm::transport
