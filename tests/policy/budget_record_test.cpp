#include "policy/budget_record.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

Day day_of(int year, unsigned month, unsigned day) {
  return std::chrono::sys_days(std::chrono::year_month_day{
      std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)});
}

TEST(SpentBudget, IsALineOfText) {
  const SpentBudget spent{day_of(2026, 3, 9), 1048576};
  EXPECT_EQ(to_text(spent), "2026-03-09 1048576\n");
  EXPECT_EQ(parse_spent_budget(to_text(spent)), spent);
  EXPECT_EQ(parse_spent_budget("2026-03-09 1048576"), spent);
}

TEST(SpentBudget, HoldsTheLargestNumber) {
  const SpentBudget spent{day_of(1999, 12, 31), std::numeric_limits<std::uint64_t>::max()};
  EXPECT_EQ(parse_spent_budget(to_text(spent)), spent);
}

TEST(SpentBudget, IsNothingElse) {
  for (const auto* text :
       {"", "\n", "2026-03-09", "2026-03-09 ", "2026-03-09 -1", "2026-03-09 12 13",
        "2026-03-09 12\n\n", "2026-02-30 12", "2026-13-01 12", "26-03-09 12", "2026/03/09 12",
        "2026-3-9 12", " 2026-03-09 12", "2026-03-09 18446744073709551616", "2026-03-09 1e6",
        "+026-03-09 12"}) {
    EXPECT_FALSE(parse_spent_budget(text)) << text;
  }
}

TEST(BudgetRecord, RunsAheadOfWhatIsSpentAndIsSeldomWritten) {
  const auto today = day_of(2026, 3, 9);
  BudgetRecord record({}, 100);
  EXPECT_EQ(record.on_spent({today, 10}), (SpentBudget{today, 110}));
  EXPECT_FALSE(record.on_spent({today, 20}));
  EXPECT_FALSE(record.on_spent({today, 60}));
  EXPECT_EQ(record.on_spent({today, 61}), (SpentBudget{today, 161}))
      << "less than half a step left";
}

TEST(BudgetRecord, BeginsAnewWithTheDay) {
  const auto today = day_of(2026, 3, 9);
  const auto tomorrow = today + std::chrono::days(1);
  BudgetRecord record({today, 5000}, 100);
  EXPECT_FALSE(record.on_spent({today, 4000})) << "it was written by the process before";
  EXPECT_EQ(record.on_spent({tomorrow, 10}), (SpentBudget{tomorrow, 110}));
}

TEST(BudgetRecord, DoesNotOverflow) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  BudgetRecord record({}, 100);
  EXPECT_EQ(record.on_spent({Day{}, most - 10}), (SpentBudget{Day{}, most}));
  EXPECT_FALSE(record.on_spent({Day{}, most})) << "nothing more can be said";
}

TEST(BudgetRecord, StepsByAHundredthOfTheBudget) {
  EXPECT_EQ(record_step(50U << 20U), (50U << 20U) / 100);
  EXPECT_EQ(record_step(1000), 4096U);
  EXPECT_EQ(record_step(std::uint64_t{1} << 40U), 1U << 20U);
}

}  // namespace
}  // namespace cecollm::policy
