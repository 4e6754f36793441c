// A whole HTTP connection, as a client that sends the input and then no more: it ends with one
// response or none, and what reaches a handler keeps the bounds.

#include <array>
#include <string>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "http/connection.hpp"
#include "tests/fuzz/targets.hpp"
#include "transport/socket.hpp"

namespace cecollm::fuzz {
namespace {

constexpr std::size_t max_head = 8U << 10U;
constexpr std::size_t max_body = 16U << 10U;

http::Setting make_setting() {
  http::Setting setting;
  setting.limits.max_head_bytes = max_head;
  setting.limits.max_body_bytes = max_body;
  const auto answer = [](const http::Request& request, http::Client&) {
    require(request.body.size() <= max_body, "a body keeps to its bound");
    require(request.authorization.size() <= max_head, "a header keeps to its bound");
    http::Response response;
    response.body = "ok";
    return response;
  };
  setting.routes = {{"GET", "/health", answer}, {"POST", "/v1/completions", answer}};
  // The server catches what a handler throws; a broken property must not end there.
  setting.report_exception = [](const std::string& what) {
    require(false, what);
  };
  return setting;
}

std::string everything_from(int socket) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto size = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

void http_request(std::string_view input) {
  static const http::Setting setting = make_setting();
  static const transport::Socket never(::eventfd(0, EFD_CLOEXEC));
  // Beyond what a socket's buffer takes without a reader, the input is cut.
  input = input.substr(0, 64U << 10U);
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    throw BrokenProperty("no pair of sockets");
  }
  const transport::Socket client(ends[0]);
  const transport::Socket server(ends[1]);
  const auto sent = ::send(client.get(), input.data(), input.size(), MSG_NOSIGNAL);
  require(sent == static_cast<ssize_t>(input.size()), "the input fits into a socket");
  ::shutdown(client.get(), SHUT_WR);
  http::serve_connection(server, never.get(), setting);
  const auto response = everything_from(client.get());
  require(response.empty() || response.starts_with("HTTP/1."), "what is answered is HTTP");
}

}  // namespace cecollm::fuzz
