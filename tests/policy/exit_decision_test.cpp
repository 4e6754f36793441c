#include "policy/exit_decision.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

TEST(SpreadThresholds, GivesOneValueToAllExits) {
  EXPECT_THAT(spread_thresholds({0.8F}, 3).values, testing::ElementsAre(0.8F, 0.8F, 0.8F));
  EXPECT_THAT(spread_thresholds({0.8F}, 1).values, testing::ElementsAre(0.8F));
}

TEST(SpreadThresholds, KeepsOneValuePerExit) {
  EXPECT_THAT(spread_thresholds({0.9F, 0.7F}, 2).values, testing::ElementsAre(0.9F, 0.7F));
}

TEST(SpreadThresholds, IsEmptyWhereTheCountsDisagree) {
  EXPECT_TRUE(spread_thresholds({0.9F, 0.7F}, 3).values.empty());
  EXPECT_TRUE(spread_thresholds({0.9F, 0.7F, 0.5F}, 2).values.empty());
  EXPECT_TRUE(spread_thresholds({}, 2).values.empty());
  EXPECT_TRUE(spread_thresholds({0.8F}, 0).values.empty());
}

TEST(NeverAsks, HoldsForAFirstThresholdOfZeroOrBelow) {
  EXPECT_TRUE(never_asks({{0.0F, 0.9F}}));
  EXPECT_TRUE(never_asks({{-0.0F}}));
  EXPECT_TRUE(never_asks({{-1.0F, 2.0F}}));
}

TEST(NeverAsks, FailsForAnyThresholdThatAProbabilityCanMiss) {
  EXPECT_FALSE(never_asks({{std::numeric_limits<float>::denorm_min()}}));
  EXPECT_FALSE(never_asks({{0.8F, 0.0F}}));
  EXPECT_FALSE(never_asks({{nan}}));
  EXPECT_FALSE(never_asks({}));
}

TEST(DecideExit, EmitsAtTheThresholdAndAbove) {
  const ExitThresholds thresholds{{0.8F, 0.6F}};
  EXPECT_EQ(decide_exit({0.8F}, 0, thresholds), ExitVerdict::emit);
  EXPECT_EQ(decide_exit({0.9F}, 0, thresholds), ExitVerdict::emit);
  EXPECT_EQ(decide_exit({0.6F}, 1, thresholds), ExitVerdict::emit);
}

TEST(DecideExit, GoesDeeperBelowTheThresholdOfAnEarlierExit) {
  EXPECT_EQ(decide_exit({0.79F}, 0, {{0.8F, 0.6F}}), ExitVerdict::deeper);
  EXPECT_EQ(decide_exit({0.79F}, 1, {{0.8F, 0.9F, 0.6F}}), ExitVerdict::deeper);
}

TEST(DecideExit, IsNotSureBelowTheThresholdOfTheLastExit) {
  EXPECT_EQ(decide_exit({0.59F}, 1, {{0.8F, 0.6F}}), ExitVerdict::not_sure);
  EXPECT_EQ(decide_exit({0.59F}, 0, {{0.6F}}), ExitVerdict::not_sure);
}

TEST(DecideExit, NeverEmitsAboveAThresholdOfOneNorOnNumbersThatAreNone) {
  EXPECT_EQ(decide_exit({1.0F}, 0, {{1.01F}}), ExitVerdict::not_sure);
  EXPECT_EQ(decide_exit({nan}, 0, {{0.5F, 0.5F}}), ExitVerdict::deeper);
  EXPECT_EQ(decide_exit({1.0F}, 0, {{nan}}), ExitVerdict::not_sure);
}

TEST(DecideExit, IsNotSureForAnExitWithoutThreshold) {
  EXPECT_EQ(decide_exit({1.0F}, 2, {{0.5F, 0.5F}}), ExitVerdict::not_sure);
  EXPECT_EQ(decide_exit({1.0F}, 0, {}), ExitVerdict::not_sure);
}

}  // namespace
}  // namespace cecollm::policy
