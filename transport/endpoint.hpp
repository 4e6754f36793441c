#pragma once
// HOST:PORT as users write it: "cloud.example:7070", "10.0.0.7:7070", "[::1]:7070".

#include <cstdint>
#include <string>
#include <string_view>

#include "transport/error.hpp"

namespace cecollm::transport {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

Result<Endpoint> parse_endpoint(std::string_view text);
std::string to_string(const Endpoint& endpoint);

/// True for 127.0.0.0/8, ::1 and "localhost".
bool is_loopback(const Endpoint& endpoint);

}  // namespace cecollm::transport
