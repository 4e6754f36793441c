#include "transport/link_flow.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

LinkShape shape_of(const char* spec) {
  auto shape = parse_link_spec(spec);
  EXPECT_TRUE(shape) << shape.error().message;
  return *shape;
}

LinkSegment segment(LinkTime start, LinkState state, std::chrono::nanoseconds rtt = 20ms) {
  LinkSegment result;
  result.start = start;
  result.rtt = rtt;
  result.state = state;
  return result;
}

/// What comes through, and when, if receive() is called exactly at every event until `end`.
std::vector<std::pair<LinkTime, std::string>> arrivals(LinkFlow& flow, LinkTime from,
                                                       LinkTime end = 1h) {
  std::vector<std::pair<LinkTime, std::string>> seen;
  for (auto now = from; now <= end; now = std::max(now, flow.next_event())) {
    const auto bytes = flow.receive(now);
    if (!bytes.empty()) {
      seen.emplace_back(now, std::string(bytes.begin(), bytes.end()));
    }
    if (flow.next_event() == LinkTime::max()) {
      break;
    }
  }
  return seen;
}

TEST(LinkFlow, PassesBytesAtOnceOverAPerfectLink) {
  const LinkShape perfect;
  LinkFlow flow(perfect, LinkDirection::up, 0);
  EXPECT_EQ(flow.next_event(), LinkTime::max());
  flow.send(std::string(10'000, 'x'), 5ms);
  EXPECT_LE(flow.next_event(), 5ms);
  EXPECT_EQ(flow.receive(5ms).size(), 10'000U);
  EXPECT_EQ(flow.next_event(), LinkTime::max());
}

TEST(LinkFlow, TakesHalfTheRoundTrip) {
  const auto shape = shape_of("rtt=50ms");
  LinkFlow flow(shape, LinkDirection::down, 0);
  flow.send(std::string_view("a"), 10ms);
  flow.send(std::string_view("b"), 20ms);
  EXPECT_EQ(flow.next_event(), 35ms);
  EXPECT_TRUE(flow.receive(34999us).empty());
  EXPECT_THAT(arrivals(flow, 35ms), ElementsAre(std::pair{35ms, "a"}, std::pair{45ms, "b"}));
}

TEST(LinkFlow, KeepsToItsRateInEachDirection) {
  const auto shape = shape_of("up=8mbit,down=80mbit");  // 1 and 10 MB/s
  for (const auto& [direction, rate] :
       {std::pair{LinkDirection::up, 1e6}, std::pair{LinkDirection::down, 1e7}}) {
    LinkFlow flow(shape, direction, 0);
    flow.send(std::string(1'000'000, 'x'), 0s);
    EXPECT_GT(flow.waiting_bytes(), 900'000U);
    double sum = 0;
    LinkTime last{0};
    for (const auto& [time, bytes] : arrivals(flow, 0s)) {
      sum += static_cast<double>(bytes.size());
      const auto seconds = std::chrono::duration<double>(time).count();
      ASSERT_LE(sum, LinkFlow::burst_bytes + rate * seconds + 1);
      last = time;
    }
    EXPECT_EQ(sum, 1'000'000);
    EXPECT_NEAR(std::chrono::duration<double>(last).count(), (1e6 - LinkFlow::burst_bytes) / rate,
                1e-3);
    EXPECT_EQ(flow.waiting_bytes(), 0U);
  }
}

TEST(LinkFlow, LetsARowThroughAtOnceAfterARest) {
  const auto shape = shape_of("rtt=10ms,up=1mbit");
  LinkFlow flow(shape, LinkDirection::up, 0);
  for (int row = 0; row < 5; ++row) {
    const auto now = row * 100ms;
    flow.send(std::string(512, 'x'), now);
    EXPECT_EQ(flow.next_event(), now + 5ms);
    EXPECT_EQ(flow.receive(now + 5ms).size(), 512U);
  }
}

TEST(LinkFlow, VariesWithinItsJitter) {
  const auto shape = shape_of("rtt=100ms,jitter=40ms,seed=3");
  LinkFlow flow(shape, LinkDirection::up, 0);
  LinkTime least = 1h;
  LinkTime most{0};
  for (int i = 0; i < 1000; ++i) {
    const auto now = i * 1s;
    flow.send(std::string_view("x"), now);
    const auto took = arrivals(flow, now).front().first - now;
    least = std::min<LinkTime>(least, took);
    most = std::max<LinkTime>(most, took);
  }
  EXPECT_GE(least, 30ms);
  EXPECT_LT(least, 31ms);
  EXPECT_LE(most, 70ms);
  EXPECT_GT(most, 69ms);
}

TEST(LinkFlow, NeverReorders) {
  const auto shape = shape_of("rtt=100ms,jitter=80ms,seed=3");
  LinkFlow flow(shape, LinkDirection::up, 0);
  std::string sent;
  for (int i = 0; i < 1000; ++i) {
    sent += static_cast<char>('a' + i % 26);
    flow.send(std::string_view(sent).substr(sent.size() - 1), i * 1ms);
  }
  std::string heard;
  for (const auto& [time, bytes] : arrivals(flow, 0s)) {
    heard += bytes;
  }
  EXPECT_EQ(heard, sent);
}

TEST(LinkFlow, HoldsUpWhatFollowsALostPacket) {
  const auto shape = shape_of("rtt=50ms,loss=30%,seed=1");
  LinkFlow flow(shape, LinkDirection::up, 0);
  int held = 0;
  LinkTime now{0};
  for (int i = 0; i < 2000; ++i) {
    flow.send(std::string_view("x"), now);
    const auto seen = arrivals(flow, now);
    ASSERT_EQ(seen.size(), 1U);
    const auto took = seen.front().first - now;
    // On time, or after time-outs of 250 ms, 500 ms, 1 s … and half a round trip.
    bool known = false;
    LinkTime expected = 25ms;
    for (LinkTime timeout = 250ms; !known && timeout < 10min; timeout *= 2) {
      known = took == expected;
      expected += timeout;
    }
    EXPECT_TRUE(known) << took.count();
    held += took > 25ms;
    now = seen.front().first + 1ms;
  }
  EXPECT_NEAR(held, 600, 80);

  // Of several on the way, those behind a lost one come with it.
  LinkFlow burst(shape, LinkDirection::up, 1);
  for (int i = 0; i < 50; ++i) {
    burst.send(std::string(1, static_cast<char>('a' + i % 26)), i * 1ms);
  }
  const auto seen = arrivals(burst, 0s);
  EXPECT_LT(seen.size(), 50U);
  std::string all;
  for (const auto& [time, bytes] : seen) {
    all += bytes;
  }
  EXPECT_EQ(all.size(), 50U);
  EXPECT_EQ(all.substr(0, 5), "abcde");
}

TEST(LinkFlow, HoldsEverythingDuringAStallAndLosesNothing) {
  const LinkShape shape(
      {segment(0s, LinkState::up), segment(1s, LinkState::stall), segment(3s, LinkState::up)}, 0s);
  LinkFlow flow(shape, LinkDirection::up, 0);
  flow.send(std::string_view("a"), 995ms);  // under way when it begins
  flow.send(std::string_view("b"), 2s);
  EXPECT_TRUE(flow.receive(2999ms).empty());
  EXPECT_THAT(arrivals(flow, 2999ms), ElementsAre(std::pair{3000ms, "a"}, std::pair{3010ms, "b"}));
}

TEST(LinkFlow, TriesAgainEverLaterDuringAnOutage) {
  const LinkShape shape(
      {segment(0s, LinkState::up), segment(1s, LinkState::outage), segment(3s, LinkState::up)}, 0s);
  {
    LinkFlow flow(shape, LinkDirection::up, 0);
    flow.send(std::string_view("a"), 2s);
    // Time-outs of 220, 440, 880 ms: tried at 2, 2.22, 2.66 and 3.54 s.
    EXPECT_THAT(arrivals(flow, 2s), ElementsAre(std::pair{3550ms, "a"}));
  }
  {
    LinkFlow flow(shape, LinkDirection::up, 0);
    flow.send(std::string_view("b"), 995ms);  // under way when it begins: tried at 1.215,
    EXPECT_THAT(arrivals(flow, 995ms),        // 1.655, 2.535 and 4.295 s
                ElementsAre(std::pair{4305ms, "b"}));
  }
}

TEST(LinkFlow, ObeysWhatIsForced) {
  const auto shape = shape_of("rtt=20ms");
  LinkFlow flow(shape, LinkDirection::up, 0);
  flow.send(std::string_view("a"), 0s);
  flow.force(LinkState::stall, 5ms);
  flow.send(std::string_view("b"), 6ms);
  EXPECT_EQ(flow.next_event(), LinkTime::max());
  EXPECT_TRUE(flow.receive(10s).empty());
  flow.force(LinkState::up, 10s);
  EXPECT_THAT(arrivals(flow, 10s), ElementsAre(std::pair{10s, "a"}, std::pair{10010ms, "b"}));

  flow.force(LinkState::outage, 20s);
  flow.send(std::string_view("c"), 20s);
  flow.receive(25s);
  flow.force(LinkState::up, 25s);
  // Tried at 20, 20.22, 20.66, 21.54, 23.3 and 26.82 s.
  EXPECT_THAT(arrivals(flow, 25s), ElementsAre(std::pair{26830ms, "c"}));
}

TEST(LinkFlow, DeliversTheEndOfTheStreamBehindTheBytes) {
  const auto shape = shape_of("rtt=20ms,up=1mbit");
  LinkFlow flow(shape, LinkDirection::up, 0);
  flow.send(std::string(50'000, 'x'), 0s);
  flow.send_end(0s);
  std::size_t heard = 0;
  for (auto now = LinkTime{0}; now < 1h && !flow.ended(); now = flow.next_event()) {
    EXPECT_NE(now, LinkTime::max());
    heard += flow.receive(now).size();
  }
  EXPECT_TRUE(flow.ended());
  EXPECT_EQ(heard, 50'000U);
}

TEST(LinkFlow, BoundsWhatIsInFlight) {
  const auto shape = shape_of("rtt=10s");
  LinkFlow flow(shape, LinkDirection::up, 0);
  flow.send(std::string(10U << 20U, 'x'), 0s);
  EXPECT_LE(flow.bytes_in_flight(), LinkFlow::most_in_flight);
  EXPECT_GE(flow.waiting_bytes(), 5U << 20U);
  std::size_t heard = 0;
  for (const auto& [time, bytes] : arrivals(flow, 0s)) {
    heard += bytes.size();
  }
  EXPECT_EQ(heard, 10U << 20U);
}

TEST(LinkFlow, DoesNotLoopOnATraceThatNeverComesUp) {
  for (const auto state : {LinkState::stall, LinkState::outage, LinkState::reset}) {
    const LinkShape shape({segment(0s, state), segment(1ms, state)}, 2ms);
    LinkFlow flow(shape, LinkDirection::up, 0);
    flow.send(std::string_view("a"), 0s);
    EXPECT_TRUE(flow.receive(10s).empty());
    EXPECT_GT(flow.next_event(), 10s);
  }
}

/// A random link with everything in it, up often enough that a retry can meet it.
LinkShape random_shape(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t limit) {
    return random() % limit;
  };
  std::vector<LinkSegment> segments;
  LinkTime start{0};
  for (auto count = 1 + below(8); count > 0; --count) {
    constexpr LinkState states[] = {LinkState::up, LinkState::up, LinkState::stall,
                                    LinkState::outage};
    const auto state = segments.empty() ? LinkState::up : states[below(4)];
    auto next = segment(start, state, std::chrono::milliseconds(below(300)));
    if (below(3) > 0) {
      next.up_bytes_per_second = 20'000.0 + static_cast<double>(below(1'000'000));
    }
    segments.push_back(next);
    start += std::chrono::milliseconds(1 + below(3000) + (state == LinkState::up ? 1500 : 0));
  }
  LinkShape shape(std::move(segments), start);
  shape.jitter = std::chrono::milliseconds(below(100));
  shape.loss = static_cast<double>(below(30)) / 100;
  shape.seed = random();
  return shape;
}

TEST(LinkFlow, DeliversEveryByteInOrderOverRandomLinks) {
  std::mt19937_64 random(99);
  for (int round = 0; round < 300; ++round) {
    const auto shape = random_shape(random);
    std::vector<std::pair<LinkTime, std::string>> plan;
    LinkTime now{0};
    std::string sent;
    for (int i = 0; i < 20; ++i) {
      now += std::chrono::milliseconds(random() % 700);
      std::string bytes(random() % 5000, static_cast<char>('a' + i));
      sent += bytes;
      plan.emplace_back(now, std::move(bytes));
    }
    // Once with receive() at every event only, once also at times between: the same arrivals.
    std::vector<std::pair<LinkTime, std::size_t>> seen[2];
    for (const bool eager : {false, true}) {
      LinkFlow flow(shape, LinkDirection::up, 7);
      std::string heard;
      auto next = plan.begin();
      LinkTime time{0};
      LinkTime poll{0};
      while (heard.size() < sent.size() && time < 10h) {
        const auto planned = next == plan.end() ? LinkTime::max() : next->first;
        time = std::max(time, std::min(planned, flow.next_event()));
        while (eager && poll < time && poll < 100s) {
          ASSERT_TRUE(flow.receive(poll).empty()) << "earlier than announced";
          poll += 13ms;
        }
        poll = std::max(poll, time);
        if (planned <= time) {
          flow.send(next->second, time);
          ++next;
        }
        const auto bytes = flow.receive(time);
        heard.append(bytes.begin(), bytes.end());
        if (!bytes.empty()) {
          seen[eager].emplace_back(time, bytes.size());
        }
      }
      ASSERT_TRUE(heard == sent) << "round " << round;
    }
    ASSERT_EQ(seen[0], seen[1]) << "round " << round;
  }
}

TEST(LinkFlow, MeetsTheSameChanceWithTheSameSeedOnly) {
  const auto times = [](const char* spec, std::uint64_t connection) {
    const auto shape = shape_of(spec);
    LinkFlow flow(shape, LinkDirection::up, connection);
    std::vector<LinkTime> seen;
    for (int i = 0; i < 20; ++i) {
      flow.send(std::string_view("x"), i * 1s);
      for (const auto& [time, bytes] : arrivals(flow, i * 1s)) {
        seen.push_back(time);
      }
    }
    return seen;
  };
  const auto first = times("rtt=50ms,jitter=20ms,seed=1", 0);
  EXPECT_EQ(times("rtt=50ms,jitter=20ms,seed=1", 0), first);
  EXPECT_NE(times("rtt=50ms,jitter=20ms,seed=2", 0), first);
  EXPECT_NE(times("rtt=50ms,jitter=20ms,seed=1", 1), first);
}

}  // namespace
}  // namespace cecollm::transport
