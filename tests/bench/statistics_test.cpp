#include "bench/statistics.hpp"

#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

TEST(Quantile, IsTheValueOfTheNearestRank) {
  std::vector<double> values{30, 10, 20, 40};
  EXPECT_EQ(quantile(values, 0.5), 20);
  EXPECT_EQ(quantile(values, 0.51), 30);
  EXPECT_EQ(quantile(values, 0.99), 40);
  EXPECT_EQ(quantile(values, 0), 10);
}

TEST(Quantile, OfNothingIsZero) {
  std::vector<double> none;
  EXPECT_EQ(quantile(none, 0.5), 0);
}

TEST(BootstrapRatio, WeighsUnitsByTheirDenominators) {
  const std::vector<RatioPart> units{{1, 1}, {0, 3}};
  EXPECT_DOUBLE_EQ(bootstrap_ratio(units, {}).value, 0.25);
}

TEST(BootstrapRatio, HasNoWidthWhereAllUnitsAgree) {
  const std::vector<RatioPart> units{{1, 2}, {2, 4}, {3, 6}};
  const auto estimate = bootstrap_ratio(units, {});
  EXPECT_DOUBLE_EQ(estimate.low, 0.5);
  EXPECT_DOUBLE_EQ(estimate.high, 0.5);
}

TEST(BootstrapRatio, TakesItsIntervalFromTheDrawsOfTwoUnits) {
  // Two draws of {0, 1} have the means 0, ½, ½, 1 with the same chance: the middle half is ½, and
  // 95 % reach from 0 to 1.
  const std::vector<RatioPart> units{{0, 1}, {1, 1}};
  const auto narrow = bootstrap_ratio(units, {.level = 0.4});
  EXPECT_DOUBLE_EQ(narrow.low, 0.5);
  EXPECT_DOUBLE_EQ(narrow.high, 0.5);
  const auto wide = bootstrap_ratio(units, {.level = 0.95});
  EXPECT_DOUBLE_EQ(wide.low, 0);
  EXPECT_DOUBLE_EQ(wide.high, 1);
}

TEST(BootstrapRatio, IsTheSameForTheSameSeed) {
  std::vector<RatioPart> units;
  for (int i = 0; i < 20; ++i) units.push_back({static_cast<double>(i * i % 7), 3});
  const auto once = bootstrap_ratio(units, {.seed = 5});
  const auto again = bootstrap_ratio(units, {.seed = 5});
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  EXPECT_LT(once.low, once.value);
  EXPECT_GT(once.high, once.value);
}

TEST(BootstrapRatio, OfNoUnitsIsZero) {
  EXPECT_EQ(bootstrap_ratio({}, {}).value, 0);
}

}  // namespace
}  // namespace cecollm::bench
