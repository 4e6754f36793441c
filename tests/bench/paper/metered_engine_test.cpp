#include "bench/paper/metered_engine.hpp"

#include <gtest/gtest.h>

#include "bench/paper/layer_flops.hpp"
#include "tests/support/fake_engine.hpp"

namespace cecollm::bench {
namespace {

using std::chrono::milliseconds;
using tests::fake_model;
using tests::FakeEngine;

class MeteredEdge : public testing::Test {
 protected:
  /// Layers 1 to 3, exit, layers 4 to 6, exit.
  void start(Pace pace = {}) {
    engine_ = metered(std::make_shared<FakeEngine>(fake_model(), model::Part::edge), meter_, pace);
    session_ = *engine_->open({});
  }
  ComputeTotals run(std::vector<model::TokenId> ids, std::vector<std::size_t> read) {
    const auto before = meter_->totals();
    model::Step step;
    step.session = session_.get();
    if (!ids.empty()) step.input = std::move(ids);
    step.read = std::move(read);
    EXPECT_TRUE(engine_->run(std::span(&step, 1)).front());
    return meter_->totals() - before;
  }

  std::shared_ptr<ComputeMeter> meter_ = *ComputeMeter::make();
  std::shared_ptr<model::Engine> engine_;
  std::unique_ptr<model::Session> session_;
};

TEST_F(MeteredEdge, CountsWhatEachPassAddsToEachStage) {
  start();
  const auto config = engine_->config();
  const auto prompt = run({5, 6, 7, 8}, {0});
  EXPECT_EQ(prompt.passes, 1);
  EXPECT_EQ(prompt.layer_rows, 3 * 4);
  EXPECT_EQ(prompt.layer_flops, 3 * layer_flops(config, 0, 4));
  EXPECT_EQ(prompt.head_flops, head_flops(config));
  // The second exit's layers catch up with all four.
  const auto deeper = run({}, {1});
  EXPECT_EQ(deeper.layer_rows, 3 * 4);
  EXPECT_EQ(deeper.layer_flops, 3 * layer_flops(config, 0, 4));
  const auto next = run({9}, {0, 1});
  EXPECT_EQ(next.layer_rows, 6);
  EXPECT_EQ(next.layer_flops, 6 * layer_flops(config, 4, 5));
  EXPECT_EQ(next.head_flops, 2 * head_flops(config));
}

TEST_F(MeteredEdge, CountsNothingOfAFailedStep) {
  start();
  model::Step step;
  step.session = session_.get();
  step.input = std::vector<model::TokenId>{-1};
  step.read = {0};
  EXPECT_FALSE(engine_->run(std::span(&step, 1)).front());
  EXPECT_EQ(meter_->totals().passes, 1);
  EXPECT_EQ(meter_->totals().layer_rows, 0);
  EXPECT_EQ(meter_->totals().head_flops, 0);
  EXPECT_FALSE(meter_->busy());
}

TEST_F(MeteredEdge, TakesTheTimeOfTheLayersThatRun) {
  start({milliseconds(2)});
  // Whatever the rows: three layers.
  EXPECT_GE(run({5, 6, 7, 8}, {0}).busy, milliseconds(6));
  EXPECT_GE(run({9}, {0, 1}).busy, milliseconds(12));
}

TEST(PaceOf, SharesAStepAmongTheLayers) {
  EXPECT_EQ(pace_of(24, fake_model().config).per_layer, milliseconds(2));
  EXPECT_EQ(pace_of(0, fake_model().config).per_layer, milliseconds(0));
}

}  // namespace
}  // namespace cecollm::bench
