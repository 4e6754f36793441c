#include "policy/deadline.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

TEST(RemainingMilliseconds, IsZeroOnlyWithoutALimit) {
  EXPECT_EQ(remaining_milliseconds(ms(0)), 1U);
  EXPECT_EQ(remaining_milliseconds(ms(-5)), 1U);
  EXPECT_EQ(remaining_milliseconds(ms(0.3)), 1U);
  EXPECT_EQ(remaining_milliseconds(ms(250)), 250U);
  EXPECT_EQ(remaining_milliseconds(ms(250.1)), 251U);
  EXPECT_EQ(remaining_milliseconds(std::chrono::hours(24 * 365)),
            std::numeric_limits<std::uint32_t>::max());
}

TEST(CloudLoad, ExpectsNothingBeforeAReport) {
  EXPECT_EQ(CloudLoad().expected(at(5)), Duration::zero());
}

TEST(CloudLoad, IsTheMedianOfTheLastFiveReports) {
  CloudLoad load;
  for (const double queue : {500.0, 1.0, 2.0, 3.0, 40.0, 5.0}) {
    load.on_report(at(100), ms(queue), ms(10));
  }
  EXPECT_EQ(load.expected(at(100)), ms(13));
}

TEST(CloudLoad, FadesByHalfEachHalfLifeSoThatASlowCloudIsAskedAgain) {
  CloudLoad load(ms(2000));
  load.on_report(at(0), ms(700), ms(100));
  EXPECT_NEAR(to_ms(load.expected(at(2000))), 400.0, 0.01);
  EXPECT_NEAR(to_ms(load.expected(at(6000))), 100.0, 0.01);
  EXPECT_LT(load.expected(at(60000)), ms(0.001));
}

LinkEstimate link_with_round_trip(double milliseconds) {
  LinkEstimate link;
  link.on_connected();
  for (int i = 0; i < 5; ++i) link.on_pong(at(i + milliseconds), at(i), ms(0));
  return link;
}

TEST(ExpectedCost, IsUnknownWithoutARoundTrip) {
  LinkEstimate link;
  link.on_connected();
  EXPECT_FALSE(expected_cost(at(1), link, CloudLoad()));
}

TEST(ExpectedCost, AddsRoundTripOwnUploadsAndCloud) {
  LinkEstimate link = link_with_round_trip(50.0);
  link.on_uploaded(at(1000), 10000);
  link.on_acknowledged(at(1150), 10000);  // 100 kB/s above the round trip
  link.on_uploaded(at(2000), 4000);
  CloudLoad load;
  load.on_report(at(2000), ms(5), ms(15));
  const auto cost = expected_cost(at(2000), link, load);
  ASSERT_TRUE(cost);
  EXPECT_NEAR(to_ms(cost->round_trip), 50.0, 1e-6);
  EXPECT_NEAR(to_ms(cost->uplink), 40.0, 0.1);
  EXPECT_NEAR(to_ms(cost->cloud), 20.0, 1e-6);
  EXPECT_NEAR(to_ms(cost->total()), 110.0, 0.1);
}

TEST(AskGate, ClosesAtAnExpiryUntilAnythingAnswers) {
  AskGate gate;
  EXPECT_TRUE(gate.trusted());
  gate.on_expired();
  EXPECT_FALSE(gate.trusted());
  gate.on_expired();
  EXPECT_FALSE(gate.trusted());
  gate.on_answer_or_pong();
  EXPECT_TRUE(gate.trusted());
}

TEST(AskGate, LeavesAnOverloadedCloudAloneForAsLongAsItSays) {
  AskGate gate;
  gate.on_overloaded(at(0), ms(300));
  EXPECT_TRUE(gate.paused(at(299)));
  EXPECT_FALSE(gate.paused(at(300)));
  gate.on_overloaded(at(1000), ms(300));
  gate.on_overloaded(at(1100), ms(0));
  EXPECT_TRUE(gate.paused(at(1200))) << "of two hints the later time holds";
}

TEST(AskGate, HeedsNoHintForEver) {
  AskGate gate;
  gate.on_overloaded(at(0), std::chrono::hours(1000));
  EXPECT_TRUE(gate.paused(at(59999)));
  EXPECT_FALSE(gate.paused(at(60000)));
}

TEST(AskGate, OpensWithANewConnection) {
  AskGate gate;
  gate.on_expired();
  gate.on_overloaded(at(0), ms(300));
  gate.on_connected();
  EXPECT_FALSE(gate.paused(at(0)));
  EXPECT_TRUE(gate.trusted());
}

class DecideAsk : public testing::Test {
 protected:
  AskGate gate_;
  AskCost cost_{ms(50), ms(20), ms(30)};
};

TEST_F(DecideAsk, AsksWhatWillComeInTime) {
  EXPECT_EQ(decide_ask(at(0), true, gate_, cost_, ms(101)), AskVerdict::ask);
  EXPECT_EQ(decide_ask(at(0), true, gate_, cost_, ms(100)), AskVerdict::ask);
}

TEST_F(DecideAsk, DoesNotAskWhatWillBeLate) {
  EXPECT_EQ(decide_ask(at(0), true, gate_, cost_, ms(99.9)), AskVerdict::too_slow);
}

TEST_F(DecideAsk, DoesNotAskWithNoTimeLeft) {
  EXPECT_EQ(decide_ask(at(0), true, gate_, AskCost{}, ms(0)), AskVerdict::too_slow);
  EXPECT_EQ(decide_ask(at(0), true, gate_, std::nullopt, ms(-1)), AskVerdict::too_slow);
}

TEST_F(DecideAsk, AsksAnyCloudWithoutADeadline) {
  cost_.round_trip = std::chrono::hours(1);
  EXPECT_EQ(decide_ask(at(0), true, gate_, cost_, std::nullopt), AskVerdict::ask);
}

TEST_F(DecideAsk, AsksALinkThatWasNotMeasuredYet) {
  EXPECT_EQ(decide_ask(at(0), true, gate_, std::nullopt, ms(10)), AskVerdict::ask);
}

TEST_F(DecideAsk, NeverAsksWithoutAConnection) {
  EXPECT_EQ(decide_ask(at(0), false, gate_, cost_, std::nullopt), AskVerdict::not_connected);
}

TEST_F(DecideAsk, NeverAsksThroughAClosedGate) {
  gate_.on_expired();
  EXPECT_EQ(decide_ask(at(0), true, gate_, cost_, std::nullopt), AskVerdict::distrusted);
}

TEST_F(DecideAsk, LeavesAnOverloadedCloudAlone) {
  gate_.on_overloaded(at(0), ms(50));
  EXPECT_EQ(decide_ask(at(49), true, gate_, cost_, std::nullopt), AskVerdict::paused);
  EXPECT_EQ(decide_ask(at(50), true, gate_, cost_, std::nullopt), AskVerdict::ask);
}

TEST(AskVerdict, HasReadableNames) {
  EXPECT_EQ(name_of(AskVerdict::ask), "ask");
  EXPECT_EQ(name_of(AskVerdict::not_connected), "not-connected");
  EXPECT_EQ(name_of(AskVerdict::distrusted), "distrusted");
  EXPECT_EQ(name_of(AskVerdict::too_slow), "too-slow");
}

/// A link that dies: of a hundred tokens one waits out its deadline, the others fall back at once.
TEST(AskGate, LetsOneTokenPayForADeadLink) {
  AskGate gate;
  int waited = 0;
  for (int token = 0; token < 100; ++token) {
    if (decide_ask(at(0), true, gate, std::nullopt, ms(100)) != AskVerdict::ask) continue;
    ++waited;
    gate.on_expired();
  }
  EXPECT_EQ(waited, 1);
}

}  // namespace
}  // namespace cecollm::policy
