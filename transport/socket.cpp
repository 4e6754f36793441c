#include "transport/socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

namespace cecollm::transport {

namespace {

constexpr int backlog = 128;

const sockaddr* as_sockaddr(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}

SocketAddress address_of(int (*getter)(int, sockaddr*, socklen_t*), int descriptor) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  if (getter(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
    return {};
  }
  return address;
}

auto failed(ErrorCode code, const std::string& what, int error) {
  return fail(code, what + ": " + std::strerror(error));
}

Socket make_socket(const SocketAddress& address) {
  return Socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (valid()) {
      ::close(descriptor_);
    }
    descriptor_ = other.release();
  }
  return *this;
}

Socket::~Socket() {
  if (valid()) {
    ::close(descriptor_);
  }
}

int Socket::release() {
  return std::exchange(descriptor_, -1);
}

std::string to_string(const SocketAddress& address) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(as_sockaddr(address), address.size, host.data(), host.size(), port.data(),
                  port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown address";
  }
  const bool brackets = address.storage.ss_family == AF_INET6;
  std::string text(brackets ? "[" : "");
  text.append(host.data()).append(brackets ? "]:" : ":").append(port.data());
  return text;
}

bool is_loopback(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    return (ntohl(v4.sin_addr.s_addr) >> 24U) == 127;
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
  }
  return false;
}

Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint, bool to_listen) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
  addrinfo* raw = nullptr;
  const auto port = std::to_string(endpoint.port);
  const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &raw);
  if (error != 0) {
    return fail(
        ErrorCode::unresolved,
        endpoint.host + ": " + (error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(raw, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const auto* item = list.get(); item != nullptr; item = item->ai_next) {
    SocketAddress address;
    if (item->ai_addrlen <= sizeof(address.storage)) {
      std::memcpy(&address.storage, item->ai_addr, item->ai_addrlen);
      address.size = item->ai_addrlen;
      addresses.push_back(address);
    }
  }
  if (addresses.empty()) {
    return fail(ErrorCode::unresolved, endpoint.host + ": has no address");
  }
  return addresses;
}

Result<Socket> connect_to(const SocketAddress& address, std::chrono::milliseconds timeout,
                          int cancel) {
  auto socket = make_socket(address);
  if (!socket.valid()) {
    return failed(ErrorCode::unreachable, to_string(address), errno);
  }
  if (::connect(socket.get(), as_sockaddr(address), address.size) == 0) {
    return socket;
  }
  if (errno != EINPROGRESS) {
    return failed(ErrorCode::unreachable, to_string(address), errno);
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::array<pollfd, 2> waits{{{socket.get(), POLLOUT, 0}, {cancel, POLLIN, 0}}};
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return fail(ErrorCode::timed_out, to_string(address) + ": no answer in time");
    }
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) {
      return failed(ErrorCode::unreachable, to_string(address), errno);
    }
    if (waits[1].revents != 0) {
      return fail(ErrorCode::closed, to_string(address) + ": cancelled");
    }
    if (ready > 0 && waits[0].revents != 0) {
      break;
    }
  }
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error != 0) {
    return failed(ErrorCode::unreachable, to_string(address), error);
  }
  return socket;
}

Result<Socket> listen_on(const std::vector<SocketAddress>& addresses) {
  Error last{ErrorCode::bad_address, "no address to listen on"};
  for (const auto& address : addresses) {
    auto socket = make_socket(address);
    const int on = 1;
    if (socket.valid() &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        ::bind(socket.get(), as_sockaddr(address), address.size) == 0 &&
        ::listen(socket.get(), backlog) == 0) {
      return socket;
    }
    last = failed(errno == EADDRINUSE ? ErrorCode::address_in_use : ErrorCode::bad_address,
                  to_string(address), errno)
               .value();
  }
  return tl::unexpected(last);
}

std::uint16_t local_port(int descriptor) {
  const auto address = address_of(::getsockname, descriptor);
  return address.storage.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

std::string peer_address(int descriptor) {
  return to_string(address_of(::getpeername, descriptor));
}

}  // namespace cecollm::transport
