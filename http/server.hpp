#pragma once
// An HTTP/1.1 server for a handful of routes, a thread a connection and a request a connection.
// Everything that a client can make it hold or wait for is bounded.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/message.hpp"
#include "transport/endpoint.hpp"
#include "transport/error.hpp"

namespace cecollm::http {

struct Limits {
  std::size_t max_connections = 64;  // and so threads; one more is told 503
  std::size_t max_head_bytes = 32U << 10U;
  std::size_t max_body_bytes = 1U << 20U;
  std::chrono::milliseconds receive_timeout{10000};  // for a whole request, from the connection on
  std::chrono::milliseconds send_timeout{30000};     // for each piece of a response
};

struct Setting {
  Limits limits;
  std::vector<Route> routes;
  /// Asked before a request is handed to a route that is not open, and before its body is read:
  /// notes who sent it, or gives the response that refuses it. Empty: everybody may. Any thread.
  std::function<std::optional<Response>(Request& request)> admit;
  /// How refusals look: an unknown route, a body that is too large, a handler that threw. Empty:
  /// their sentence as text.
  std::function<Response(const Fault&)> render_fault;
  /// Told what a handler threw. Empty: nobody.
  std::function<void(const std::string& what)> report_exception;
};

/// Listens from start() to its destruction.
class Server {
 public:
  /// Fails with unresolved, address_in_use or bad_address.
  static transport::Result<Server> start(const transport::Endpoint& endpoint, Setting setting);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  /// Cuts off whoever is connected, and returns once every handler has.
  ~Server();

  /// With the real port where port 0 was asked for.
  const transport::Endpoint& bound() const;

 private:
  class Listener;
  explicit Server(std::unique_ptr<Listener> listener);
  std::unique_ptr<Listener> listener_;
};

}  // namespace cecollm::http
