#include "policy/kv_budget.hpp"

#include <gmock/gmock.h>

namespace cecollm::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

KvHolder idle(std::int64_t bytes, int asked_at) {
  return {bytes, TimePoint(std::chrono::seconds(asked_at)), {}, 0};
}
KvHolder growing(std::int64_t bytes, std::int64_t growth, std::size_t turn, int asked_at = 9) {
  return {bytes, TimePoint(std::chrono::seconds(asked_at)), turn, growth};
}

TEST(KvBudget, EvictsNobodyWhileThereIsRoom) {
  const std::vector holders{idle(10, 1), growing(10, 5, 0)};
  const auto fit = fit_step(holders, 25);
  EXPECT_EQ(fit.turns, 1U);
  EXPECT_THAT(fit.evicted, IsEmpty());
}

TEST(KvBudget, EvictsTheLongestUnaskedFirstAndNoMoreThanNeeded) {
  const std::vector holders{idle(10, 3), idle(10, 1), idle(10, 2), growing(0, 1, 0)};
  EXPECT_THAT(fit_step(holders, 30).evicted, ElementsAre(1));
  const std::vector more{idle(10, 3), idle(10, 1), idle(10, 2), growing(0, 15, 0)};
  EXPECT_THAT(fit_step(more, 30).evicted, ElementsAre(1, 2));
}

TEST(KvBudget, SparesThoseThatTakePartHoweverLongAgoTheyAsked) {
  const std::vector holders{growing(10, 5, 0, 1), idle(10, 2)};
  EXPECT_THAT(fit_step(holders, 20).evicted, ElementsAre(1));
}

TEST(KvBudget, LetsTheLastOfAStepWaitAndEvenGivesThemUp) {
  const std::vector holders{growing(50, 10, 0), growing(50, 10, 1)};
  const auto fit = fit_step(holders, 100);
  EXPECT_EQ(fit.turns, 1U);
  EXPECT_THAT(fit.evicted, ElementsAre(1));
}

TEST(KvBudget, HasNoRoomForWhatExceedsItAlone) {
  const std::vector holders{idle(10, 1), growing(20, 90, 0)};
  const auto fit = fit_step(holders, 100);
  EXPECT_EQ(fit.turns, 0U);
  EXPECT_THAT(fit.evicted, IsEmpty()) << "in vain";
}

}  // namespace
}  // namespace cecollm::policy
