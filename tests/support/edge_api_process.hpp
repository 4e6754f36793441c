#pragma once
// A real edge process that serves its HTTP API, and requests to it byte by byte.

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "apps/child_process.hpp"
#include "tests/support/raw_socket.hpp"

namespace cecollm::tests {

inline constexpr std::chrono::seconds api_patience{60};

/// Speaks to the HTTP API of a process of this machine.
class ApiClient {
 public:
  const std::string& address() const { return address_; }

  std::unique_ptr<RawSocket> send(const std::string& bytes) const {
    auto socket = std::make_unique<RawSocket>();
    socket->connect(port_);
    EXPECT_TRUE(socket->send(bytes));
    return socket;
  }
  std::unique_ptr<RawSocket> send_post(const std::string& path, const std::string& body) const {
    return send("POST " + path + " HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
  }
  static std::string read(RawSocket& socket) {
    std::string all;
    EXPECT_TRUE(socket.read_to_end(&all));
    return all;
  }
  /// `headers` end in "\r\n" each.
  std::string get(const std::string& path, const std::string& headers = "") const {
    return read(*send("GET " + path + " HTTP/1.0\r\n" + headers + "\r\n"));
  }
  std::string post(const std::string& path, const std::string& body) const {
    return read(*send_post(path, body));
  }
  static std::string body_of(const std::string& reply) {
    return reply.substr(reply.find("\r\n\r\n") + 4);
  }
  nlohmann::json completed(const std::string& body) const {
    const auto reply = post("/v1/completions", body);
    EXPECT_THAT(reply, testing::HasSubstr(" 200 OK\r\n"));
    return nlohmann::json::parse(body_of(reply));
  }

 protected:
  /// `line` ends with the address.
  void meet(const std::string& line) {
    address_ = line.substr(line.rfind(' ') + 1);
    port_ = static_cast<std::uint16_t>(std::stoi(address_.substr(address_.rfind(':') + 1)));
  }

 private:
  std::string address_;
  std::uint16_t port_ = 0;
};

class EdgeApiProcess : public ApiClient {
 public:
  explicit EdgeApiProcess(const std::vector<std::string>& flags) : process_(start(flags)) {
    const auto line = process_.read_line(api_patience);
    if (!line) throw std::runtime_error("the edge did not start");
    meet(*line);
  }

  apps::ChildProcess& process() { return process_; }

 private:
  static apps::ChildProcess start(const std::vector<std::string>& flags) {
    std::vector<std::string> arguments{
        CECOLLM_BINARY, "edge", "--http",    "127.0.0.1:0", "--model",     CECOLLM_DEFAULT_MODEL,
        "--dtype",      "fp32", "--threads", "1",           "--log-level", "error"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    auto process = apps::ChildProcess::start(arguments);
    if (!process) throw std::runtime_error(process.error().message);
    return std::move(*process);
  }

  apps::ChildProcess process_;
};

}  // namespace cecollm::tests
