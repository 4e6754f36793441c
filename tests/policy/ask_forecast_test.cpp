#include "policy/ask_forecast.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

const ExitThresholds both{{0.8F, 0.8F}};

TEST(AskForecast, ForetellsNothingBeforeATokenHasEnded) {
  EXPECT_FALSE(AskForecast().likely({0.1F}, 0, both));
}

TEST(AskForecast, ForetellsWhatFollowedLastTime) {
  AskForecast forecast;
  forecast.learn({0.3F}, 0, both, true);
  EXPECT_TRUE(forecast.likely({0.3F}, 0, both));
}

TEST(AskForecast, ForetellsNoAskWhereItIsAnEvenChance) {
  AskForecast forecast;
  forecast.learn({0.3F}, 0, both, true);
  forecast.learn({0.3F}, 0, both, false);
  EXPECT_FALSE(forecast.likely({0.3F}, 0, both));
}

TEST(AskForecast, TellsTheNearlySureFromTheUnsure) {
  AskForecast forecast;
  for (int i = 0; i < 20; ++i) {
    forecast.learn({0.1F}, 0, both, true);
    forecast.learn({0.75F}, 0, both, false);
  }
  EXPECT_TRUE(forecast.likely({0.1F}, 0, both));
  EXPECT_FALSE(forecast.likely({0.75F}, 0, both));
}

TEST(AskForecast, MeasuresConfidenceByTheLastThreshold) {
  AskForecast forecast;
  forecast.learn({0.39F}, 0, {{0.5F, 0.4F}}, true);  // nearly the threshold
  forecast.learn({0.2F}, 0, {{0.5F, 0.4F}}, false);
  EXPECT_TRUE(forecast.likely({0.79F}, 0, {{0.9F, 0.8F}}));
  EXPECT_FALSE(forecast.likely({0.41F}, 0, {{0.9F, 0.8F}}));
}

TEST(AskForecast, GoesByAllTokensWhereNoneWasSoSureYet) {
  AskForecast forecast;
  forecast.learn({0.1F}, 0, both, true);
  EXPECT_TRUE(forecast.likely({0.7F}, 0, both));
  forecast.learn({0.3F}, 0, both, false);
  forecast.learn({0.5F}, 0, both, false);
  EXPECT_FALSE(forecast.likely({0.7F}, 0, both));
}

TEST(AskForecast, KeepsTheExitsApart) {
  const ExitThresholds three{{0.8F, 0.8F, 0.8F}};
  AskForecast forecast;
  forecast.learn({0.3F}, 1, three, true);
  EXPECT_FALSE(forecast.likely({0.3F}, 0, three));
  EXPECT_TRUE(forecast.likely({0.3F}, 1, three));
}

TEST(AskForecast, ForgetsTokensOfLongAgo) {
  AskForecast forecast;
  for (int i = 0; i < 10'000; ++i) forecast.learn({0.3F}, 0, both, true);
  for (int i = 0; i < 64; ++i) forecast.learn({0.3F}, 0, both, false);
  EXPECT_FALSE(forecast.likely({0.3F}, 0, both));
}

TEST(AskForecast, TakesAnyNumberForAConfidence) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  AskForecast forecast;
  for (const float value : {nan, -1.0F, 0.0F, 1.0F, infinity}) {
    forecast.learn({value}, 0, both, true);
    EXPECT_TRUE(forecast.likely({value}, 0, both)) << value;
    forecast.learn({0.5F}, 0, {{0.5F, value}}, true);
    EXPECT_TRUE(forecast.likely({0.5F}, 0, {{0.5F, value}})) << value;
  }
}

}  // namespace
}  // namespace cecollm::policy
