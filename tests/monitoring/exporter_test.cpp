#include "monitoring/exporter.hpp"

#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/counter.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cecollm::monitoring {
namespace {

using testing::HasSubstr;

/// A plain GET over loopback; empty where nothing accepts.
std::string get(std::uint16_t port, const std::string& path) {
  const int socket_fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string reply;
  if (::connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
    if (::send(socket_fd, request.data(), request.size(), 0) ==
        static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t n = 0; (n = ::recv(socket_fd, buffer, sizeof buffer, 0)) > 0;) {
        reply.append(buffer, static_cast<std::size_t>(n));
      }
    }
  }
  ::close(socket_fd);
  return reply;
}

std::shared_ptr<prometheus::Registry> registry_with_a_counter() {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("cecollm_things_total")
      .Help("Things.")
      .Register(*registry)
      .Add({})
      .Increment(7);
  return registry;
}

TEST(Exporter, ServesItsRegistryUnderMetrics) {
  const auto registry = registry_with_a_counter();
  const auto exporter = Exporter::start("127.0.0.1:0", registry);
  ASSERT_TRUE(exporter) << exporter.error().message;
  ASSERT_NE(exporter->port(), 0);
  const std::string reply = get(exporter->port(), "/metrics");
  EXPECT_THAT(reply, HasSubstr(" 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("# HELP cecollm_things_total Things.\n"));
  EXPECT_THAT(reply, HasSubstr("cecollm_things_total 7\n"));
}

TEST(Exporter, ServesNothingElse) {
  const auto exporter = Exporter::start("127.0.0.1:0", registry_with_a_counter());
  ASSERT_TRUE(exporter);
  EXPECT_THAT(get(exporter->port(), "/etc/passwd"), HasSubstr(" 404 Not Found\r\n"));
}

TEST(Exporter, ResolvesLocalhost) {
  const auto registry = registry_with_a_counter();
  const auto exporter = Exporter::start("localhost:0", registry);
  ASSERT_TRUE(exporter) << exporter.error().message;
  EXPECT_THAT(get(exporter->port(), "/metrics"), HasSubstr("cecollm_things_total 7\n"));
}

TEST(Exporter, FailsWithASentenceWhereThePortIsTaken) {
  const auto registry = registry_with_a_counter();
  const auto first = Exporter::start("127.0.0.1:0", registry);
  ASSERT_TRUE(first);
  const std::string address = "127.0.0.1:" + std::to_string(first->port());
  const auto second = Exporter::start(address, registry);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::cannot_listen);
  EXPECT_THAT(second.error().message, HasSubstr(address));
  EXPECT_THAT(second.error().message, HasSubstr("taken"));
}

TEST(Exporter, FailsForAnAddressOfAnotherMachine) {
  const auto exporter = Exporter::start("192.0.2.1:9464", registry_with_a_counter());
  ASSERT_FALSE(exporter);
  EXPECT_EQ(exporter.error().code, ErrorCode::cannot_listen);
}

TEST(Exporter, RefusesWhatIsNoHostAndPort) {
  for (const char* address :
       {"", ":", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1",
        "127.0.0.1:9464s", "127.0.0.1:9464,127.0.0.1:9465", "+9464", "::1:9464", "[::1]", "[]:1",
        "metrics.example:9464", "127.0.0.1:94 64"}) {
    const auto exporter = Exporter::start(address, registry_with_a_counter());
    ASSERT_FALSE(exporter) << address;
    EXPECT_EQ(exporter.error().code, ErrorCode::bad_address) << address;
    EXPECT_THAT(exporter.error().message, HasSubstr("'" + std::string(address) + "'"));
  }
}

TEST(Exporter, StopsListeningWhenItEndsAndSurvivesAMove) {
  const auto registry = registry_with_a_counter();
  std::uint16_t port = 0;
  {
    auto started = Exporter::start("127.0.0.1:0", registry);
    ASSERT_TRUE(started);
    port = started->port();
    const Exporter moved = std::move(*started);
    EXPECT_EQ(moved.port(), port);
    EXPECT_THAT(get(port, "/metrics"), HasSubstr("cecollm_things_total 7\n"));
  }
  EXPECT_EQ(get(port, "/metrics"), "");
  EXPECT_TRUE(Exporter::start("127.0.0.1:" + std::to_string(port), registry));
}

}  // namespace
}  // namespace cecollm::monitoring
