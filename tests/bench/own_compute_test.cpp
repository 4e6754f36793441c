#include "bench/own_compute.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"

namespace cecollm::bench {
namespace {

using std::chrono::milliseconds;

/// Passes that take a while by the real clock: that is what is measured.
std::shared_ptr<model::Engine> slow_engine(milliseconds pass) {
  auto engine = std::make_shared<tests::FakeEngine>(tests::fake_model(), model::Part::edge);
  engine->on_run = [pass](std::span<const model::Step>) {
    const auto end = std::chrono::steady_clock::now() + pass;
    while (std::chrono::steady_clock::now() < end) {
    }
  };
  return engine;
}

TEST(TimedEngine, TellsWhatThePassesForEachTokenTook) {
  TimedEngine engine(slow_engine(milliseconds(2)));
  const auto session = *engine.open({});
  model::Step step;
  step.session = session.get();
  step.input = std::vector<model::TokenId>{5, 6, 7};
  step.read = {0};
  ASSERT_TRUE(engine.run(std::span(&step, 1)).front());
  model::Step deeper;
  deeper.session = session.get();
  deeper.read = {1};
  ASSERT_TRUE(engine.run(std::span(&deeper, 1)).front());
  EXPECT_GE(engine.own_compute(3), milliseconds(4)) << "two passes";
  step.input = std::vector<model::TokenId>{8};
  ASSERT_TRUE(engine.run(std::span(&step, 1)).front());
  EXPECT_GE(engine.own_compute(4), milliseconds(2));
  EXPECT_EQ(engine.own_compute(5), milliseconds(0));
}

TEST(TimedEngine, ForgetsTheSessionBefore) {
  TimedEngine engine(slow_engine(milliseconds(1)));
  const auto session = *engine.open({});
  model::Step step;
  step.session = session.get();
  step.input = std::vector<model::TokenId>{5};
  step.read = {0};
  ASSERT_TRUE(engine.run(std::span(&step, 1)).front());
  EXPECT_GT(engine.own_compute(1), milliseconds(0));
  ASSERT_TRUE(engine.open({}));
  EXPECT_EQ(engine.own_compute(1), milliseconds(0));
}

}  // namespace
}  // namespace cecollm::bench
