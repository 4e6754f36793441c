#include "transport/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::transport {
namespace {

using ::testing::HasSubstr;

TEST(Endpoint, ReadsNamesAndAddresses) {
  const struct {
    const char* text;
    const char* host;
    int port;
  } cases[] = {
      {"cloud.example:7070", "cloud.example", 7070},
      {"10.0.0.7:0", "10.0.0.7", 0},
      {"[::1]:65535", "::1", 65535},
      {"[2001:db8::7]:7070", "2001:db8::7", 7070},
      {"localhost:1", "localhost", 1},
  };
  for (const auto& expected : cases) {
    const auto endpoint = parse_endpoint(expected.text);
    ASSERT_TRUE(endpoint) << endpoint.error().message;
    EXPECT_EQ(endpoint->host, expected.host);
    EXPECT_EQ(endpoint->port, expected.port);
    EXPECT_EQ(to_string(*endpoint), expected.text);
  }
}

TEST(Endpoint, RefusesWhatIsNoHostAndPort) {
  const struct {
    std::string text;
    const char* why;
  } cases[] = {
      {"", "the port is missing"},
      {"cloud.example", "the port is missing"},
      {":7070", "the host is missing"},
      {"cloud.example:", "number from 0 to 65535"},
      {"cloud.example:65536", "number from 0 to 65535"},
      {"cloud.example:-1", "number from 0 to 65535"},
      {"cloud.example:70x", "number from 0 to 65535"},
      {"::1:7070", "needs brackets"},
      {"[::1:7070", "']' is missing"},
      {"[::1]", "the port is missing"},
      {"[::1]7070", "the port is missing"},
      {"[cloud.example]:7070", "IPv6 address"},
      {"https://cloud:7070", "needs brackets"},
      {"user@cloud:7070", "no host name has"},
      {"a b:7070", "no host name has"},
      {std::string("a\0b:7070", 8), "no host name has"},
      {std::string(254, 'a') + ":1", "longer than 253"},
  };
  for (const auto& expected : cases) {
    const auto endpoint = parse_endpoint(expected.text);
    ASSERT_FALSE(endpoint) << expected.text;
    EXPECT_EQ(endpoint.error().code, ErrorCode::bad_address);
    EXPECT_THAT(endpoint.error().message, HasSubstr(expected.why)) << expected.text;
  }
}

TEST(Endpoint, KnowsLoopback) {
  for (const auto* host : {"localhost", "127.0.0.1", "127.255.1.2", "::1", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(is_loopback({host, 1})) << host;
  }
  for (const auto* host :
       {"", "0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "localhost.example", "127.0.0.1.example"}) {
    EXPECT_FALSE(is_loopback({host, 1})) << host;
  }
}

}  // namespace
}  // namespace cecollm::transport
