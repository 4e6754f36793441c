#include "transport/link_emulator.hpp"

#include <string>

#include <gtest/gtest.h>

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using TimePoint = LinkEmulator::TimePoint;

constexpr TimePoint began{1000s};

std::shared_ptr<EmulatedLink> link_of(const std::string& trace) {
  auto shape = parse_link_trace("time_s,rtt_ms,mbit_up,mbit_down,state\n" + trace, "trace");
  EXPECT_TRUE(shape) << shape.error().message;
  return std::make_shared<EmulatedLink>(*shape, began);
}

std::string text(const std::vector<char>& bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(LinkEmulator, DelaysBothDirections) {
  LinkEmulator edge(link_of("0,40,100,100,up\n"), LinkDirection::up, began);
  edge.send(std::string_view("up"), began);
  edge.arrive(std::string_view("down"), began + 5ms);
  EXPECT_EQ(edge.next_event(began + 5ms), began + 20ms);
  EXPECT_EQ(text(edge.take_for_stream(began + 20ms)), "up");
  EXPECT_EQ(text(edge.take_for_session(began + 20ms)), "");
  EXPECT_EQ(edge.next_event(began + 20ms), began + 25ms);
  EXPECT_EQ(text(edge.take_for_session(began + 25ms)), "down");
  EXPECT_EQ(edge.next_event(began + 25ms), TimePoint::max());
}

TEST(LinkEmulator, GivesEachSideTheRateOfItsDirection) {
  const auto link = link_of("0,0,8,80,up\n");  // 1 and 10 MB/s
  LinkEmulator edge(link, LinkDirection::up, began);
  LinkEmulator cloud(link, LinkDirection::down, began);
  const std::string bytes(100'000, 'x');
  edge.send(bytes, began);
  cloud.send(bytes, began);
  EXPECT_GT(edge.unsent_bytes(), 90'000U);
  EXPECT_EQ(cloud.take_for_stream(began + 11ms).size(), bytes.size());
  EXPECT_LT(edge.take_for_stream(began + 11ms).size(), 20'000U);
}

TEST(LinkEmulator, ConnectsAfterARoundTripOrLater) {
  const auto link = link_of(
      "0,40,1,1,up\n"
      "10,40,1,1,stall\n"
      "12,60,1,1,outage\n"
      "14,80,1,1,reset\n"
      "15,100,1,1,up\n");
  const LinkEmulator edge(link, LinkDirection::up, began);
  EXPECT_EQ(edge.connected_at(began + 1s), began + 1040ms);
  EXPECT_FALSE(edge.connected_at(began + 14500ms));
  EXPECT_EQ(edge.connected_at(began + 20s), began + 20100ms);
  // The SYN goes out at 12.5, 13.5 and 15.5 s.
  EXPECT_EQ(edge.connected_at(began + 12500ms), began + 15600ms);
  // Held until 12 s, then at 12, 13 and 15 s.
  EXPECT_EQ(edge.connected_at(began + 10s), began + 15100ms);
  const LinkEmulator never(link_of("0,40,1,1,outage\n"), LinkDirection::up, began);
  EXPECT_EQ(never.connected_at(began), TimePoint::max());
}

TEST(LinkEmulator, NoticesResetsOfItsTraceOnce) {
  const auto link = link_of(
      "0,40,1,1,up\n"
      "5,40,1,1,reset\n"
      "6,40,1,1,up\n"
      "10,,,,loop\n");
  LinkEmulator edge(link, LinkDirection::up, began + 1s);
  EXPECT_EQ(edge.next_event(began + 1s), began + 5s);
  EXPECT_FALSE(edge.was_reset(began + 4999ms));
  EXPECT_TRUE(edge.was_reset(began + 5s));
  // One that was opened afterwards lives until the next repetition; a late look still sees it.
  LinkEmulator later(link, LinkDirection::up, began + 6s);
  EXPECT_FALSE(later.was_reset(began + 14s));
  EXPECT_TRUE(later.was_reset(began + 18s));
}

TEST(LinkEmulator, SaysWhenMoreComesInThanItPassesOn) {
  LinkEmulator edge(link_of("0,40,1,1,up\n"), LinkDirection::up, began);
  EXPECT_FALSE(edge.is_congested());
  edge.arrive(std::string(400'000, 'x'), began);
  EXPECT_TRUE(edge.is_congested());
  edge.take_for_session(began + 2s);
  EXPECT_FALSE(edge.is_congested());
}

TEST(LinkEmulator, DeliversEndsBehindBytes) {
  LinkEmulator edge(link_of("0,40,1,1,up\n"), LinkDirection::up, began);
  edge.send(std::string_view("last"), began);
  edge.send_end(began);
  edge.arrive_end(began);
  EXPECT_FALSE(edge.end_left());
  EXPECT_EQ(text(edge.take_for_stream(began + 20ms)), "last");
  EXPECT_TRUE(edge.end_left());
  EXPECT_EQ(text(edge.take_for_session(began + 20ms)), "");
  EXPECT_TRUE(edge.end_arrived());
}

TEST(LinkEmulator, ObeysWhatIsForced) {
  LinkEmulator edge(link_of("0,40,1,1,up\n"), LinkDirection::up, began);
  edge.send(std::string_view("up"), began);
  edge.arrive(std::string_view("down"), began);
  edge.force(LinkState::stall, began + 1ms);
  EXPECT_EQ(text(edge.take_for_stream(began + 1s)), "");
  EXPECT_EQ(text(edge.take_for_session(began + 1s)), "");
  edge.force(LinkState::up, began + 1s);
  EXPECT_EQ(text(edge.take_for_stream(began + 1s)), "up");
  EXPECT_EQ(text(edge.take_for_session(began + 1s)), "down");
}

}  // namespace
}  // namespace cecollm::transport
