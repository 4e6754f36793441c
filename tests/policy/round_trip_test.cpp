#include "policy/round_trip.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

TEST(RoundTrip, KnowsNothingBeforeItsFirstSample) {
  const RoundTripEstimate estimate;
  EXPECT_FALSE(estimate.smoothed());
  EXPECT_FALSE(estimate.variation());
  EXPECT_FALSE(estimate.median());
  EXPECT_FALSE(estimate.recent_minimum());
  EXPECT_FALSE(estimate.minimum(at(0)));
  EXPECT_FALSE(estimate.minimum(at(5000)));
  EXPECT_EQ(estimate.timeout(), ms(1000));
  EXPECT_EQ(estimate.samples(), 0U);
}

TEST(RoundTrip, StartsAsInRfc6298) {
  RoundTripEstimate estimate;
  estimate.add(at(100), ms(100));
  EXPECT_EQ(*estimate.smoothed(), ms(100));
  EXPECT_EQ(*estimate.variation(), ms(50));
  EXPECT_EQ(estimate.timeout(), ms(300));
}

TEST(RoundTrip, SmoothsAsInRfc6298) {
  RoundTripEstimate estimate;
  estimate.add(at(100), ms(100));
  estimate.add(at(300), ms(200));
  // The variation uses the old mean: 3/4 · 50 + 1/4 · |100 - 200|; then 7/8 · 100 + 1/8 · 200.
  EXPECT_EQ(*estimate.variation(), ms(62.5));
  EXPECT_EQ(*estimate.smoothed(), ms(112.5));
  EXPECT_EQ(estimate.timeout(), ms(112.5 + 4 * 62.5));
}

TEST(RoundTrip, KeepsTheTimeoutBetweenItsBounds) {
  RoundTripEstimate quick;
  for (int i = 0; i < 50; ++i) quick.add(at(i), ms(0.2));
  EXPECT_EQ(quick.timeout(), ms(200));
  RoundTripEstimate slow;
  slow.add(at(0), ms(50000));
  EXPECT_EQ(slow.timeout(), ms(60000));
}

TEST(RoundTrip, AddsAtLeastTheGranularityToTheTimeout) {
  RoundTripSettings settings;
  settings.minimum_timeout = ms(1);
  RoundTripEstimate estimate(settings);
  for (int i = 0; i < 200; ++i) estimate.add(at(i), ms(20));
  EXPECT_NEAR(to_ms(estimate.timeout()), 21.0, 1e-3);
}

TEST(RoundTrip, DoublesTheTimeoutAtEachBackOffUpToItsBound) {
  RoundTripEstimate estimate;
  estimate.add(at(0), ms(100));
  estimate.back_off();
  EXPECT_EQ(estimate.timeout(), ms(600));
  estimate.back_off();
  EXPECT_EQ(estimate.timeout(), ms(1200));
  for (int i = 0; i < 20; ++i) estimate.back_off();
  EXPECT_EQ(estimate.timeout(), ms(60000));
}

TEST(RoundTrip, EndsTheBackOffWithTheNextSample) {
  RoundTripEstimate estimate;
  for (int i = 0; i < 100; ++i) estimate.add(at(i), ms(100));
  for (int i = 0; i < 5; ++i) estimate.back_off();
  estimate.add(at(200), ms(100));
  EXPECT_LT(estimate.timeout(), ms(210));
}

TEST(RoundTrip, TakesTheMedianOfTheLastFive) {
  RoundTripEstimate estimate;
  for (const double sample : {900.0, 10.0, 50.0, 20.0, 30.0, 40.0}) {
    estimate.add(at(0), ms(sample));
  }
  EXPECT_EQ(*estimate.median(), ms(30));
  EXPECT_EQ(*estimate.recent_minimum(), ms(10));
}

TEST(RoundTrip, HasAMedianOfFewerSamplesToo) {
  RoundTripEstimate estimate;
  estimate.add(at(0), ms(40));
  EXPECT_EQ(*estimate.median(), ms(40));
  estimate.add(at(0), ms(20));
  EXPECT_EQ(*estimate.median(), ms(40));
  estimate.add(at(0), ms(30));
  EXPECT_EQ(*estimate.median(), ms(30));
}

TEST(RoundTrip, IsNotMovedByTwoOutliersAmongFive) {
  RoundTripEstimate estimate;
  for (const double sample : {50.0, 3000.0, 51.0, 2000.0, 49.0}) estimate.add(at(0), ms(sample));
  EXPECT_EQ(*estimate.median(), ms(51));
}

TEST(RoundTrip, RemembersTheMinimumForItsWindow) {
  RoundTripEstimate estimate;
  estimate.add(at(1000), ms(20));
  for (int i = 2; i < 10; ++i) estimate.add(at(i * 1000), ms(80));
  EXPECT_EQ(*estimate.minimum(at(9500)), ms(20));
  for (int i = 10; i < 15; ++i) estimate.add(at(i * 1000), ms(80));
  EXPECT_EQ(*estimate.minimum(at(14000)), ms(80));
  EXPECT_FALSE(estimate.minimum(at(60000)));
}

TEST(RoundTrip, FindsTheSameWindowMinimumAsAPlainSearch) {
  std::mt19937 generator(3);
  std::exponential_distribution<double> gap(1.0 / 150.0);
  std::uniform_real_distribution<double> sample(10.0, 500.0);
  RoundTripEstimate estimate;
  std::vector<std::pair<double, double>> history;
  double now = 0.0;
  for (int i = 0; i < 2000; ++i) {
    now += gap(generator);
    history.emplace_back(now, sample(generator));
    estimate.add(at(now), ms(history.back().second));
    // Slots are a tenth of 10 s: between 9 s and 10 s are remembered.
    const auto least = [&](double window) {
      double result = 1e9;
      for (const auto& [time, value] : history) {
        if (time > now - window) result = std::min(result, value);
      }
      return result;
    };
    const double minimum = to_ms(*estimate.minimum(at(now)));
    ASSERT_LE(minimum, least(9000.0) + 1e-5);
    ASSERT_GE(minimum, least(10000.0) - 1e-5);
  }
}

TEST(RoundTrip, TakesOurOwnQueueOffDecisionsButNotOffTimeouts) {
  RoundTripEstimate estimate;
  for (int i = 0; i < 5; ++i) estimate.add(at(i), ms(50));
  for (int i = 5; i < 10; ++i) estimate.add(at(i), ms(450), ms(395));
  EXPECT_EQ(*estimate.median(), ms(55));
  EXPECT_GT(*estimate.smoothed(), ms(200));
}

TEST(RoundTrip, NeverTakesOffMoreThanTheLinkEverShowed) {
  RoundTripEstimate estimate;
  estimate.add(at(0), ms(70), ms(1000));
  EXPECT_EQ(*estimate.median(), ms(70));
  for (int i = 1; i < 6; ++i) estimate.add(at(i), ms(300), ms(290));
  EXPECT_EQ(*estimate.median(), ms(70));
}

TEST(RoundTrip, TreatsANegativeSampleAsZero) {
  RoundTripEstimate estimate;
  estimate.add(at(0), ms(-3));
  EXPECT_EQ(*estimate.median(), ms(0));
  EXPECT_EQ(estimate.timeout(), ms(200));
}

/// Every step between two round trips, up or down, with 5 % jitter.
TEST(RoundTrip, IsWithinTenPercentFiveSamplesAfterAStep) {
  std::mt19937 generator(7);
  std::uniform_real_distribution<double> jitter(0.95, 1.05);
  for (const double before : {1.0, 13.0, 50.0, 300.0}) {
    for (const double after : {1.0, 5.0, 13.0, 50.0, 100.0, 300.0}) {
      for (int start = 0; start < 8; ++start) {
        RoundTripEstimate estimate;
        double now = 0.0;
        for (int i = 0; i < 20 + start; ++i) {
          estimate.add(at(now += 100.0), ms(before * jitter(generator)));
        }
        for (int i = 0; i < 5; ++i) {
          estimate.add(at(now += 100.0), ms(after * jitter(generator)));
        }
        ASSERT_NEAR(to_ms(*estimate.median()), after, 0.1 * after) << before << " to " << after;
      }
    }
  }
}

}  // namespace
}  // namespace cecollm::policy
