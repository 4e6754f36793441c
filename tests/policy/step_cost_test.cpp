#include "policy/step_cost.hpp"

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

using std::chrono::microseconds;

double milliseconds_of(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

TEST(StepCost, ExpectsNothingBeforeTheFirstStep) {
  EXPECT_EQ(StepCost().expected(100), Duration::zero());
}

TEST(StepCost, LearnsWhatIsFixedAndWhatARowCosts) {
  StepCost cost;
  for (const int rows : {1, 5, 20, 64, 3, 40, 1, 128}) {
    cost.on_step(rows, microseconds(4000 + 50 * rows));
  }
  EXPECT_NEAR(milliseconds_of(cost.expected(1)), 4.05, 0.01);
  EXPECT_NEAR(milliseconds_of(cost.expected(256)), 16.8, 0.01);
}

TEST(StepCost, ExpectsTheMeanOfStepsThatWereAllOfOneSize) {
  StepCost cost;
  for (const int took : {3000, 4000, 5000}) cost.on_step(1, microseconds(took));
  EXPECT_NEAR(milliseconds_of(cost.expected(1)), 4.0, 0.1);
  EXPECT_EQ(cost.expected(100), cost.expected(1)) << "nothing is known of the slope";
}

TEST(StepCost, IsNeverNegativeWhateverItSees) {
  StepCost cost;
  cost.on_step(1, microseconds(10000));
  cost.on_step(100, microseconds(10));
  EXPECT_GE(cost.expected(1), Duration::zero());
  EXPECT_GE(cost.expected(1000), Duration::zero());
  StepCost steep;
  steep.on_step(10, microseconds(1));
  steep.on_step(11, microseconds(10000));
  EXPECT_GE(steep.expected(0), Duration::zero());
}

TEST(StepCost, FollowsAMachineThatGetsSlower) {
  StepCost cost(8.0);
  for (int i = 0; i < 100; ++i) cost.on_step(1 + i % 4, microseconds(1000));
  for (int i = 0; i < 64; ++i) cost.on_step(1 + i % 4, microseconds(3000));
  EXPECT_NEAR(milliseconds_of(cost.expected(2)), 3.0, 0.05);
}

}  // namespace
}  // namespace cecollm::policy
