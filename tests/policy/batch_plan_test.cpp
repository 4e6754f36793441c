#include "policy/batch_plan.hpp"

#include <map>
#include <random>

#include <gmock/gmock.h>

namespace cecollm::policy {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TimePoint start{};
const BatchLimits limits{.rows = 64, .tokens = 8};

BatchCandidate asking(std::uint64_t client, std::int64_t rows, int arrived_ms = 0) {
  return {client, rows, true, start + milliseconds(arrived_ms), {}};
}
BatchCandidate waiting(std::uint64_t client, std::int64_t rows) {
  return {client, rows, false, start, {}};
}
using Share = BatchShare;

TEST(BatchPlan, IsEmptyWhereNothingWaits) {
  EXPECT_THAT(plan_batch({}, limits), IsEmpty());
  const std::vector candidates{waiting(1, 0)};
  EXPECT_THAT(plan_batch(candidates, limits), IsEmpty());
}

TEST(BatchPlan, TakesAllWhoNeedFewRowsInTheOrderOfArrival) {
  const std::vector candidates{asking(1, 1, 3), asking(2, 4, 1), asking(3, 0, 2)};
  EXPECT_THAT(plan_batch(candidates, limits),
              ElementsAre(Share{1, 4, true}, Share{2, 0, true}, Share{0, 1, true}));
}

TEST(BatchPlan, GivesEachClientATurnBeforeAnyGetsItsSecond) {
  const std::vector candidates{asking(1, 1, 0), asking(1, 1, 1), asking(1, 1, 2), asking(2, 1, 9)};
  EXPECT_THAT(plan_batch(candidates, {.rows = 64, .tokens = 2}),
              ElementsAre(Share{0, 1, true}, Share{3, 1, true}));
}

TEST(BatchPlan, CutsALongPromptAndLetsTokensPass) {
  const std::vector candidates{asking(1, 2000, 0), asking(2, 1, 5)};
  EXPECT_THAT(plan_batch(candidates, limits), ElementsAre(Share{1, 1, true}, Share{0, 63, false}));
}

TEST(BatchPlan, GivesALongPromptTheWholeStepWhereItIsAlone) {
  const std::vector candidates{asking(1, 2000)};
  EXPECT_THAT(plan_batch(candidates, limits), ElementsAre(Share{0, 64, false}));
  const std::vector last{asking(1, 64)};
  EXPECT_THAT(plan_batch(last, limits), ElementsAre(Share{0, 64, true}));
}

TEST(BatchPlan, KeepsAQuarterForPromptsHoweverManyTokensAreWanted) {
  std::vector<BatchCandidate> candidates(100, asking(1, 1));
  candidates.push_back(asking(2, 500, 9));
  const auto shares = plan_batch(candidates, {.rows = 64, .tokens = 100});
  EXPECT_EQ(shares.back(), (Share{100, 16, false}));
  EXPECT_EQ(shares.size(), 49U);
}

TEST(BatchPlan, RunsAheadOfAsksOnlyWhereNobodyAsks) {
  const std::vector alone{waiting(1, 100), waiting(2, 3)};
  EXPECT_THAT(plan_batch(alone, limits), ElementsAre(Share{0, 16, false}));
  const std::vector beside{waiting(1, 100), asking(2, 1)};
  EXPECT_THAT(plan_batch(beside, limits), ElementsAre(Share{1, 1, true}));
}

TEST(BatchPlan, MakesProgressWithinAStepOfOneRow) {
  const BatchLimits narrow{.rows = 1, .tokens = 1};
  const std::vector candidates{asking(1, 1), asking(2, 7)};
  EXPECT_THAT(plan_batch(candidates, narrow), ElementsAre(Share{0, 1, true}));
  const std::vector ahead{waiting(1, 5)};
  EXPECT_THAT(plan_batch(ahead, narrow), ElementsAre(Share{0, 1, false}));
}

TEST(BatchPlan, StaysWithinItsLimitsAndServesEverybodyWhateverComes) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    const BatchLimits some{.rows = 1 + static_cast<std::int64_t>(random() % 100),
                           .tokens = 1 + random() % 20};
    std::vector<BatchCandidate> left;
    for (std::size_t i = 0; i < 1 + random() % 30; ++i) {
      left.push_back(asking(random() % 5, static_cast<std::int64_t>(random() % 200),
                            static_cast<int>(random() % 50)));
    }
    for (int steps = 0; !left.empty(); ++steps) {
      ASSERT_LT(steps, 100000) << "somebody starves";
      const auto shares = plan_batch(left, some);
      ASSERT_FALSE(shares.empty());
      std::int64_t rows = 0;
      std::size_t answers = 0;
      std::map<std::size_t, int> times;
      for (const auto& share : shares) {
        ASSERT_EQ(++times[share.candidate], 1);
        ASSERT_LE(share.rows, left[share.candidate].rows);
        rows += share.rows;
        answers += share.answers ? 1 : 0;
        left[share.candidate].rows -= share.rows;
        if (share.answers) {
          ASSERT_EQ(left[share.candidate].rows, 0);
        }
      }
      ASSERT_LE(rows, std::max<std::int64_t>(some.rows, some.rows / 8));
      ASSERT_LE(answers, some.tokens);
      std::vector<BatchCandidate> next;
      for (std::size_t i = 0; i < left.size(); ++i) {
        const bool answered = std::ranges::any_of(
            shares, [&](const Share& share) { return share.candidate == i && share.answers; });
        if (!answered) next.push_back(left[i]);
      }
      left = std::move(next);
    }
  }
}

TEST(LateAsks, AreThoseWhoseRowsTakeLongerThanIsLeft) {
  StepCost cost;
  for (const int rows : {1, 64, 1, 64}) cost.on_step(rows, milliseconds(rows == 1 ? 4 : 20));
  auto in_time = asking(1, 1);
  in_time.deadline = start + milliseconds(5);
  auto late = asking(2, 1);
  late.deadline = start + milliseconds(3);
  auto long_prompt = asking(3, 640);  // ten steps of 20 ms
  long_prompt.deadline = start + milliseconds(150);
  auto no_hurry = asking(4, 640);
  const std::vector candidates{in_time, late, long_prompt, no_hurry};
  EXPECT_THAT(find_late(start, candidates, limits, cost), ElementsAre(1, 2));
}

TEST(LateAsks, WithoutExperienceAreOnlyThoseWhoseDeadlineHasPassed) {
  auto passed = asking(1, 1);
  passed.deadline = start - milliseconds(1);
  auto close = asking(2, 1000);
  close.deadline = start;
  const std::vector candidates{passed, close};
  EXPECT_THAT(find_late(start, candidates, limits, StepCost()), ElementsAre(0));
}

TEST(RetryAfter, IsTheTimeThatThoseBeforeTake) {
  StepCost cost;
  cost.on_step(8, milliseconds(10));
  EXPECT_EQ(retry_after(17, limits, cost), milliseconds(30));
  EXPECT_EQ(retry_after(5, limits, StepCost()), Duration::zero());
}

}  // namespace
}  // namespace cecollm::policy
