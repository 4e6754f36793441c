#include "http/server.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/connection.hpp"
#include "transport/socket.hpp"

namespace cecollm::http {
namespace {

/// How long the listener rests where the process is out of descriptors or memory.
constexpr int exhausted_rest_ms = 50;

}  // namespace

class Server::Listener {
 public:
  Listener(transport::Socket socket, transport::Socket stop, transport::Endpoint bound,
           Setting setting)
      : socket_(std::move(socket)),
        stop_(std::move(stop)),
        bound_(std::move(bound)),
        setting_(std::move(setting)),
        thread_([this] { accept_all(); }) {}
  ~Listener() {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is at zero.
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof(one));
    thread_.join();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const transport::Endpoint& bound() const { return bound_; }

 private:
  struct Connection {
    transport::Socket socket;
    std::atomic<bool> done = false;
    std::thread thread;
  };

  void accept_all() {
    std::array<pollfd, 2> waits{{{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (true) {
      const int ready = ::poll(waits.data(), waits.size(), -1);
      if (ready > 0 && waits[1].revents != 0) break;
      if (ready <= 0) continue;
      transport::Socket accepted(
          ::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      const int error = errno;
      reap();
      if (accepted.valid()) {
        begin(std::move(accepted));
      } else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        ::poll(&waits[1], 1, exhausted_rest_ms);
      }
    }
    for (auto& connection : connections_) connection.thread.join();
  }

  void begin(transport::Socket socket) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connections_.size() >= setting_.limits.max_connections) {
      refuse_connection(socket, setting_, {503, "too many connections; try again later"});
      return;
    }
    auto& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    try {
      connection.thread = std::thread([this, &connection] {
        serve_connection(connection.socket, stop_.get(), setting_);
        ::shutdown(connection.socket.get(), SHUT_RDWR);
        connection.done = true;
      });
    } catch (const std::system_error&) {
      refuse_connection(connection.socket, setting_, {503, "no thread is left; try again later"});
      connections_.pop_back();
    }
  }

  /// Closes what has ended. What ends after the last accept stays until the next one.
  void reap() {
    for (auto item = connections_.begin(); item != connections_.end();) {
      if (!item->done) {
        ++item;
        continue;
      }
      item->thread.join();
      item = connections_.erase(item);
    }
  }

  transport::Socket socket_;
  transport::Socket stop_;  // readable once the server is to stop
  transport::Endpoint bound_;
  Setting setting_;
  std::list<Connection> connections_;  // of the listener's thread
  std::thread thread_;
};

Server::Server(std::unique_ptr<Listener> listener) : listener_(std::move(listener)) {}
Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;
Server::~Server() = default;

transport::Result<Server> Server::start(const transport::Endpoint& endpoint, Setting setting) {
  const auto addresses = transport::resolve(endpoint, true);
  if (!addresses) return tl::unexpected(addresses.error());
  auto socket = transport::listen_on(*addresses);
  if (!socket) return tl::unexpected(socket.error());
  transport::Socket stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) {
    return transport::fail(transport::ErrorCode::bad_address, "no descriptor is left");
  }
  transport::Endpoint bound{endpoint.host, transport::local_port(socket->get())};
  return Server(std::make_unique<Listener>(std::move(*socket), std::move(stop), std::move(bound),
                                           std::move(setting)));
}

const transport::Endpoint& Server::bound() const {
  return listener_->bound();
}

}  // namespace cecollm::http
