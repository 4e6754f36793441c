#pragma once
// A peer that speaks bytes and no protocol, blocking, with every wait bounded.

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "transport/socket.hpp"

namespace cecollm::tests {

inline void limit_waits(int descriptor) {
  const timeval limit{20, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

class RawSocket {
 public:
  RawSocket() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit_waits(socket_.get());
  }
  explicit RawSocket(transport::Socket socket) : socket_(std::move(socket)) {
    limit_waits(socket_.get());
  }

  /// A small buffer makes a reader slow at once.
  void shrink_receive_buffer() {
    const int size = 4096;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  }
  void connect(std::uint16_t port) {
    const auto address = loopback(port);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
        0) {
      throw std::runtime_error("no connection");
    }
  }
  bool send(std::string_view bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// What comes until the peer closes; false after 20 s.
  bool read_to_end(std::string* all = nullptr) {
    std::array<char, 4096> buffer;
    while (true) {
      const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (size > 0 && all != nullptr) {
        all->append(buffer.data(), static_cast<std::size_t>(size));
      }
      if (size == 0 || (size < 0 && errno == ECONNRESET)) {
        return true;
      }
      if (size < 0) {
        return false;
      }
    }
  }
  int get() const { return socket_.get(); }

 private:
  transport::Socket socket_;
};

/// Listens on loopback; accepts when told to.
class RawListener {
 public:
  explicit RawListener(int backlog = 8)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    limit_waits(socket_.get());
    const auto address = loopback(0);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(socket_.get(), backlog) != 0) {
      throw std::runtime_error("cannot listen");
    }
  }
  std::uint16_t port() const { return transport::local_port(socket_.get()); }
  RawSocket accept() {
    return RawSocket(transport::Socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }

 private:
  transport::Socket socket_;
};

}  // namespace cecollm::tests
