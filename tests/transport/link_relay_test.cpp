#include "transport/link_relay.hpp"

#include <gtest/gtest.h>

#include "tests/support/raw_socket.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using tests::RawSocket;

/// A listener behind a relay behind a link.
class Relayed : public ::testing::Test {
 protected:
  LinkRelay relay_over(const std::string& spec, const std::string& trace = "") {
    auto shape = trace.empty()
                     ? parse_link_spec(spec)
                     : parse_link_trace("time_s,rtt_ms,mbit_up,mbit_down,state\n" + trace, "trace");
    EXPECT_TRUE(shape);
    return *LinkRelay::start({"127.0.0.1", 0}, {"127.0.0.1", listener_->port()},
                             std::make_shared<EmulatedLink>(*shape, Clock::now()));
  }
  RawSocket accept() { return listener_->accept(); }
  std::unique_ptr<tests::RawListener> listener_ = std::make_unique<tests::RawListener>();
};

bool read_reset(const RawSocket& socket) {
  char byte = 0;
  return ::recv(socket.get(), &byte, 1, 0) < 0 && errno == ECONNRESET;
}

TEST_F(Relayed, BytesAndEndsGoThroughInBothDirections) {
  const auto relay = relay_over("rtt=2ms");
  RawSocket edge;
  edge.connect(relay.port());
  auto cloud = accept();
  const std::string up(300'000, 'u');
  ASSERT_TRUE(edge.send(up));
  ::shutdown(edge.get(), SHUT_WR);
  std::string arrived;
  EXPECT_TRUE(cloud.read_to_end(&arrived));
  EXPECT_EQ(arrived, up);
  ASSERT_TRUE(cloud.send("down"));
  ::shutdown(cloud.get(), SHUT_WR);
  std::string answer;
  EXPECT_TRUE(edge.read_to_end(&answer));
  EXPECT_EQ(answer, "down");
}

TEST_F(Relayed, BytesTakeTheLinksTime) {
  const auto relay = relay_over("rtt=100ms");
  RawSocket edge;
  const auto begun = Clock::now();
  edge.connect(relay.port());
  auto cloud = accept();
  EXPECT_GE(Clock::now() - begun, 100ms);
  ASSERT_TRUE(edge.send("x"));
  ::shutdown(edge.get(), SHUT_WR);
  std::string arrived;
  EXPECT_TRUE(cloud.read_to_end(&arrived));
  EXPECT_GE(Clock::now() - begun, 150ms);
}

TEST_F(Relayed, AResetOfTheLinkReachesBothSides) {
  const auto relay = relay_over("", "0,1,100,100,up\n0.2,1,100,100,reset\n");
  RawSocket edge;
  edge.connect(relay.port());
  auto cloud = accept();
  EXPECT_TRUE(read_reset(cloud));
  EXPECT_TRUE(read_reset(edge));
}

TEST_F(Relayed, AnAddressThatRefusesRefusesThroughTheRelay) {
  const auto relay = relay_over("rtt=1ms");
  listener_.reset();
  RawSocket edge;
  edge.connect(relay.port());
  EXPECT_TRUE(read_reset(edge));
}

TEST_F(Relayed, TheEndOfTheRelayEndsItsConnections) {
  auto relay = std::make_unique<LinkRelay>(relay_over("rtt=1ms"));
  RawSocket edge;
  edge.connect(relay->port());
  auto cloud = accept();
  relay.reset();
  EXPECT_TRUE(edge.read_to_end());
  EXPECT_TRUE(cloud.read_to_end());
}

}  // namespace
}  // namespace cecollm::transport
