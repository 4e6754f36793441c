#include "apps/metrics_page.hpp"

#include <array>
#include <chrono>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>

#include "transport/socket.hpp"

namespace cecollm::apps {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds limit{5000};
constexpr std::size_t most_bytes = std::size_t{16} << 20U;

/// Everything up to the end of the stream; empty where that does not come in time.
std::string read_to_end(int socket, Clock::time_point deadline) {
  std::string text;
  std::array<char, 16384> piece{};
  while (text.size() < most_bytes) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd wait{socket, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return {};
    const auto count = ::recv(socket, piece.data(), piece.size(), 0);
    if (count < 0) return {};
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Outcome<std::string> fetch_metrics(const transport::Endpoint& endpoint) {
  const auto name = "the metrics at " + transport::to_string(endpoint);
  const auto addresses = transport::resolve(endpoint, false);
  if (!addresses) return tl::unexpected(to_failure(addresses.error()));
  const auto deadline = Clock::now() + limit;
  constexpr int no_cancel = -1;  // which poll(2) passes over
  const auto socket = transport::connect_to(addresses->front(), limit, no_cancel);
  if (!socket) return failed(name + " cannot be reached: " + socket.error().message);
  // A request is smaller than any send buffer.
  const std::string request = "GET /metrics HTTP/1.0\r\nHost: " + endpoint.host + "\r\n\r\n";
  if (::send(socket->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return failed(name + " do not take a request");
  }
  const auto answer = read_to_end(socket->get(), deadline);
  const auto body = answer.find("\r\n\r\n");
  const std::string_view status = std::string_view(answer).substr(0, answer.find("\r\n"));
  if (body == std::string::npos || !status.starts_with("HTTP/1.") ||
      status.find(" 200") == std::string_view::npos) {
    return failed(name + " do not answer as an exporter does");
  }
  return answer.substr(body + 4);
}

}  // namespace cecollm::apps
