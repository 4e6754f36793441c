#include "policy/kv_budget.hpp"

#include <gmock/gmock.h>

namespace cecollm::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

KvHolder holder(std::int64_t bytes, int asked_at, bool in_step = false) {
  return {bytes, TimePoint(std::chrono::seconds(asked_at)), in_step};
}

TEST(KvBudget, EvictsNobodyWhileThereIsRoom) {
  const std::vector holders{holder(10, 1), holder(10, 2)};
  EXPECT_THAT(choose_evictions(holders, 5, 25), IsEmpty());
}

TEST(KvBudget, EvictsTheLongestUnaskedFirstAndNoMoreThanNeeded) {
  const std::vector holders{holder(10, 3), holder(10, 1), holder(10, 2)};
  EXPECT_THAT(choose_evictions(holders, 1, 30), ElementsAre(1));
  EXPECT_THAT(choose_evictions(holders, 15, 30), ElementsAre(1, 2));
}

TEST(KvBudget, SparesThoseThatAreAboutToGrow) {
  const std::vector holders{holder(10, 1, true), holder(10, 2)};
  EXPECT_THAT(choose_evictions(holders, 10, 20), ElementsAre(1));
  EXPECT_THAT(choose_evictions(holders, 100, 20), ElementsAre(1)) << "not enough, but all there is";
}

TEST(KvBudget, SparesThoseThatHoldNothing) {
  const std::vector holders{holder(0, 1), holder(10, 2)};
  EXPECT_THAT(choose_evictions(holders, 15, 20), ElementsAre(1));
}

}  // namespace
}  // namespace cecollm::policy
