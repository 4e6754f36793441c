#include "transport/connect_attempt.hpp"

#include <cstring>
#include <future>

#include <gtest/gtest.h>

#include "tests/support/raw_socket.hpp"

namespace cecollm::transport {
namespace {

constexpr std::chrono::seconds patience{20};

SocketAddress address_of(const tests::RawListener& listener) {
  const auto from = tests::loopback(listener.port());
  SocketAddress address;
  std::memcpy(&address.storage, &from, sizeof(from));
  address.size = sizeof(from);
  return address;
}

Result<Socket> connect(const ConnectAttempt::Resolver& resolver) {
  auto outcome = std::make_shared<std::promise<Result<Socket>>>();
  auto result = outcome->get_future();
  const auto attempt = ConnectAttempt::start(
      {"cloud.example", 7070}, true, patience,
      [outcome](Result<Socket> socket) { outcome->set_value(std::move(socket)); }, resolver);
  if (result.wait_for(patience) != std::future_status::ready) {
    return fail(ErrorCode::timed_out, "the test ran out of patience");
  }
  return result.get();
}

TEST(ConnectAttempts, FindANameThatHasMovedAtItsNewAddress) {
  const tests::RawListener old_cloud;
  const tests::RawListener new_cloud;
  auto address = address_of(old_cloud);
  std::string asked_for;
  const auto resolver = [&](const Endpoint& name) {
    asked_for = to_string(name);
    return Result<std::vector<SocketAddress>>({address});
  };
  const auto first = connect(resolver);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(peer_address(first->get()), to_string(address_of(old_cloud)));
  address = address_of(new_cloud);
  const auto second = connect(resolver);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(peer_address(second->get()), to_string(address_of(new_cloud)));
  EXPECT_EQ(asked_for, "cloud.example:7070");
}

TEST(ConnectAttempts, SayWhyANameHasNoAddress) {
  const auto socket = connect([](const Endpoint&) -> Result<std::vector<SocketAddress>> {
    return fail(ErrorCode::unreachable, "no such name");
  });
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().message, "no such name");
}

}  // namespace
}  // namespace cecollm::transport
