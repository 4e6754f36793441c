#include "transport/endpoint.hpp"

#include <charconv>
#include <optional>

#include <arpa/inet.h>

namespace cecollm::transport {

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), last, port);
  if (text.empty() || error != std::errc{} || end != last) {
    return std::nullopt;
  }
  return port;
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool is_host_character(char c) {
  return c > ' ' && c != '\x7f' && c != ':' && c != '[' && c != ']' && c != '/' && c != '@';
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  auto bad = [&](std::string_view why) {
    std::string message(1, '\'');
    message.append(text).append("' is not HOST:PORT: ").append(why);
    return fail(ErrorCode::bad_address, std::move(message));
  };
  Endpoint endpoint;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) {
      return bad("']' is missing");
    }
    endpoint.host = std::string(text.substr(1, close - 1));
    if (!is_ipv6(endpoint.host)) {
      return bad("an IPv6 address belongs between the brackets");
    }
    const auto rest = text.substr(close + 1);
    if (!rest.starts_with(':')) {
      return bad("the port is missing");
    }
    port = rest.substr(1);
  } else {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
      return bad("the port is missing");
    }
    if (text.find(':', colon + 1) != std::string_view::npos) {
      return bad("an IPv6 address needs brackets, as in [::1]:7070");
    }
    endpoint.host = std::string(text.substr(0, colon));
    port = text.substr(colon + 1);
    if (endpoint.host.empty()) {
      return bad("the host is missing");
    }
    if (endpoint.host.size() > 253) {
      return bad("the host name is longer than 253 characters");
    }
    for (const char c : endpoint.host) {
      if (!is_host_character(c)) {
        return bad("the host holds a character that no host name has");
      }
    }
  }
  const auto number = parse_port(port);
  if (!number) {
    return bad("the port must be a number from 0 to 65535");
  }
  endpoint.port = *number;
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  const bool brackets = is_ipv6(endpoint.host);
  std::string text(brackets ? "[" : "");
  text.append(endpoint.host).append(brackets ? "]:" : ":").append(std::to_string(endpoint.port));
  return text;
}

bool is_loopback(const Endpoint& endpoint) {
  in_addr v4{};
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24U) == 127;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return endpoint.host == "localhost";
}

}  // namespace cecollm::transport
