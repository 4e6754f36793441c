#include "policy/budget.hpp"

#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
const Day monday{std::chrono::days(20000)};
const Day tuesday = monday + std::chrono::days(1);

TEST(DayBudget, SpendsUpToItsLimit) {
  DayBudget budget(1000);
  EXPECT_TRUE(budget.spend(monday, 600));
  EXPECT_FALSE(budget.exhausted(monday));
  EXPECT_TRUE(budget.spend(monday, 400));
  EXPECT_TRUE(budget.exhausted(monday));
  EXPECT_FALSE(budget.spend(monday, 1));
  EXPECT_EQ(budget.spent(monday), 1000U);
}

TEST(DayBudget, BooksNothingOfWhatDoesNotFit) {
  DayBudget budget(1000);
  EXPECT_FALSE(budget.spend(monday, 1001));
  EXPECT_EQ(budget.spent(monday), 0U);
}

TEST(DayBudget, IsExhaustedOnceSomethingDidNotFit) {
  DayBudget budget(1000);
  EXPECT_TRUE(budget.spend(monday, 900));
  EXPECT_FALSE(budget.spend(monday, 200));
  EXPECT_TRUE(budget.exhausted(monday));
  EXPECT_FALSE(budget.spend(monday, 50));
}

TEST(DayBudget, BeginsAnewEachDay) {
  DayBudget budget(1000);
  EXPECT_TRUE(budget.spend(monday, 1000));
  EXPECT_FALSE(budget.exhausted(tuesday));
  EXPECT_EQ(budget.spent(tuesday), 0U);
  EXPECT_TRUE(budget.spend(tuesday, 1000));
  EXPECT_TRUE(budget.exhausted(tuesday));
}

TEST(DayBudget, IsNotOpenedAgainByAClockSetBack) {
  DayBudget budget(1000);
  EXPECT_TRUE(budget.spend(tuesday, 1000));
  EXPECT_TRUE(budget.exhausted(monday));
  EXPECT_FALSE(budget.spend(monday, 1));
}

TEST(DayBudget, BeginsAnewWhenAClockThatWasFarAheadIsSetRight) {
  DayBudget budget(1000);
  EXPECT_TRUE(budget.spend(monday + std::chrono::days(3650), 1000));
  EXPECT_FALSE(budget.exhausted(monday));
  EXPECT_TRUE(budget.spend(monday, 1000));
  EXPECT_TRUE(budget.exhausted(monday));
  EXPECT_FALSE(budget.exhausted(tuesday));
}

TEST(DayBudget, RemembersWhatWasSpentBeforeARestart) {
  DayBudget budget(1000, monday, 700);
  EXPECT_FALSE(budget.spend(monday, 301));
  DayBudget next_day(1000, monday, 700);
  EXPECT_TRUE(next_day.spend(tuesday, 1000));
  EXPECT_TRUE(DayBudget(1000, monday, 5000).exhausted(monday));
  EXPECT_FALSE(DayBudget(1000, monday, 5000).spend(monday, 1));
}

TEST(DayBudget, HasNoLimitUnlessGiven) {
  DayBudget budget(std::nullopt);
  EXPECT_TRUE(budget.spend(monday, max - 5));
  EXPECT_FALSE(budget.exhausted(monday));
}

TEST(DayBudget, DoesNotOverflow) {
  DayBudget budget(max);
  EXPECT_TRUE(budget.spend(monday, max - 1));
  EXPECT_FALSE(budget.spend(monday, 2));
  EXPECT_EQ(budget.spent(monday), max - 1);
}

TEST(DayBudget, OfZeroAllowsNothing) {
  DayBudget budget(0);
  EXPECT_TRUE(budget.exhausted(monday));
  EXPECT_FALSE(budget.spend(monday, 1));
  EXPECT_TRUE(budget.exhausted(tuesday));
}

TEST(DayBudget, IsNeverOverspentByAnySequenceOfUploads) {
  std::mt19937 generator(11);
  std::uniform_int_distribution<std::uint64_t> size(0, 400);
  for (int round = 0; round < 200; ++round) {
    DayBudget budget(5000);
    std::uint64_t carried = 0;
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t bytes = size(generator);
      if (budget.spend(monday, bytes)) carried += bytes;
    }
    ASSERT_LE(carried, 5000U);
    ASSERT_GT(carried, 4600U);
    ASSERT_EQ(budget.spent(monday), carried);
  }
}

TEST(RequestBudget, SpendsUpToItsLimit) {
  RequestBudget budget(100);
  EXPECT_TRUE(budget.spend(60));
  EXPECT_FALSE(budget.exhausted());
  EXPECT_FALSE(budget.spend(41));
  EXPECT_TRUE(budget.exhausted());
  EXPECT_FALSE(budget.spend(1));
  EXPECT_EQ(budget.spent(), 60U);
}

TEST(RequestBudget, HasNoLimitUnlessGiven) {
  RequestBudget budget(std::nullopt);
  EXPECT_TRUE(budget.spend(max));
  EXPECT_FALSE(budget.exhausted());
  EXPECT_FALSE(budget.spend(1));
}

}  // namespace
}  // namespace cecollm::policy
