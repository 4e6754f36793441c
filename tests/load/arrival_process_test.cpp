#include "load/arrival_process.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace cecollm::load {
namespace {

using namespace std::chrono_literals;

std::vector<double> arrivals(const ArrivalSettings& settings, int count) {
  ArrivalProcess process(settings);
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    times.push_back(std::chrono::duration<double>(process.next()).count());
  }
  return times;
}

struct Gaps {
  double mean = 0;
  double variation = 0;  // deviation / mean
};

Gaps gaps_of(const std::vector<double>& times) {
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 1; i < times.size(); ++i) {
    const double gap = times[i] - times[i - 1];
    sum += gap;
    squares += gap * gap;
  }
  const auto count = static_cast<double>(times.size() - 1);
  const double mean = sum / count;
  return {mean, std::sqrt(squares / count - mean * mean) / mean};
}

TEST(ArrivalProcess, IsPoissonAtItsRateUnlessToldOtherwise) {
  const auto gaps = gaps_of(arrivals({.rate = 20, .seed = 1}, 20000));
  EXPECT_NEAR(gaps.mean, 0.05, 0.001);
  EXPECT_NEAR(gaps.variation, 1.0, 0.03);
}

TEST(ArrivalProcess, ComesInBurstsBelowOneAndSteadilyAbove) {
  const auto bursts = gaps_of(arrivals({.rate = 20, .burstiness = 0.25, .seed = 2}, 20000));
  EXPECT_NEAR(bursts.mean, 0.05, 0.003);
  EXPECT_NEAR(bursts.variation, 2.0, 0.1);
  const auto steady = gaps_of(arrivals({.rate = 20, .burstiness = 100, .seed = 2}, 20000));
  EXPECT_NEAR(steady.mean, 0.05, 0.001);
  EXPECT_NEAR(steady.variation, 0.1, 0.01);
}

TEST(ArrivalProcess, IsAFunctionOfItsSeed) {
  EXPECT_EQ(arrivals({.rate = 3, .seed = 7}, 100), arrivals({.rate = 3, .seed = 7}, 100));
  EXPECT_NE(arrivals({.rate = 3, .seed = 7}, 100), arrivals({.rate = 3, .seed = 8}, 100));
}

TEST(ArrivalProcess, ReachesItsRateEvenlyOverTheRampUp) {
  const auto times = arrivals({.rate = 100, .burstiness = 1000, .ramp_up = 10s, .seed = 3}, 1500);
  const auto until = [&](double time) {
    return std::ranges::count_if(times, [&](double at) { return at <= time; });
  };
  EXPECT_NEAR(static_cast<double>(until(5)), 125, 4);
  EXPECT_NEAR(static_cast<double>(until(10)), 500, 6);
  EXPECT_NEAR(static_cast<double>(until(15)), 1000, 8);
}

TEST(ArrivalProcess, NeverRunsBackwardsNorOverflows) {
  const auto slow = arrivals({.rate = 1e-6, .burstiness = 1e-3, .seed = 4}, 1000);
  EXPECT_TRUE(std::ranges::is_sorted(slow));
  EXPECT_GE(slow.front(), 0);
  EXPECT_LE(slow.back(), 1e9);
}

TEST(ArrivalProcess, JoinsRampAndPlateauWithoutAGap) {
  EXPECT_DOUBLE_EQ(time_of_arrival(0, 10, 4), 0);
  EXPECT_DOUBLE_EQ(time_of_arrival(5, 10, 4), 2);  // a quarter of the ramp's 20 by its half
  EXPECT_DOUBLE_EQ(time_of_arrival(20, 10, 4), 4);
  EXPECT_DOUBLE_EQ(time_of_arrival(30, 10, 4), 5);
  EXPECT_DOUBLE_EQ(time_of_arrival(30, 10, 0), 3);
}

}  // namespace
}  // namespace cecollm::load
