// Several generations on one edge's layers.

#include "actors/shallow_compute.hpp"

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_engine.hpp"

namespace cecollm::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

exit_decision_actor::behavior_type decision_that_hears_readings(exit_decision_actor::pointer,
                                                                std::vector<ExitRead>* read) {
  return {[](const BeginDecisions&) {},
          [read](const ExitRead& reading) { read->push_back(reading); },
          [](const EndDecisions&) {
          }};
}

class ShallowComputeActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    engine_ = std::make_shared<tests::FakeEngine>(tests::fake_model(), model::Part::edge);
    engine_->on_run = [this](std::span<const model::Step> steps) {
      auto& rows = passes_.emplace_back();
      for (const auto& step : steps) rows.push_back(rows_of(step));
    };
    decisions_ = system_.spawn(decision_that_hears_readings, &read_);
    compute_ = system_.spawn(shallow_compute, engine_);
    for (const GenerationId id : {long_one, short_one}) {
      tell(BeginSession{id, {}, decisions_, {}, {}});
    }
  }
  void TearDown() override {
    caf::anon_send_exit(compute_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(decisions_, caf::exit_reason::user_shutdown);
    run();
  }

  static std::int64_t rows_of(const model::Step& step) {
    if (step.piece) return step.piece->rows;
    if (const auto* ids = std::get_if<std::vector<model::TokenId>>(&step.input)) {
      return std::ssize(*ids);
    }
    const auto length = step.session->length();
    return length - step.session->stage_length(step.read.back());
  }
  template <class Message>
  void tell(Message message) {
    caf::anon_send(compute_, std::move(message));
  }
  void advance_by(GenerationId id, std::size_t count) {
    tell(Advance{id, std::vector<model::TokenId>(count, 5), 0});
  }

  static constexpr GenerationId long_one = 1;
  static constexpr GenerationId short_one = 2;
  std::shared_ptr<tests::FakeEngine> engine_;
  std::vector<std::vector<std::int64_t>> passes_;  // rows of each step
  std::vector<ExitRead> read_;
  exit_decision_actor decisions_;
  shallow_compute_actor compute_;
};

TEST_F(ShallowComputeActor, TakesALongPromptInPiecesBesideOthersTokens) {
  advance_by(long_one, 500);
  advance_by(short_one, 1);
  run();
  EXPECT_THAT(passes_, ElementsAre(ElementsAre(1, 255), ElementsAre(245)));
  ASSERT_THAT(read_, SizeIs(2));
  EXPECT_EQ(read_[0].generation, short_one);
}

TEST_F(ShallowComputeActor, TakesALongPromptThroughALaterExitInPiecesToo) {
  advance_by(long_one, 500);
  run();
  passes_.clear();
  read_.clear();
  tell(Deepen{long_one, 1});
  advance_by(short_one, 1);
  run();
  EXPECT_THAT(passes_, ElementsAre(ElementsAre(1, 255), ElementsAre(245)));
  ASSERT_THAT(read_, SizeIs(2));
  EXPECT_EQ(read_[0].generation, short_one);
  EXPECT_EQ(read_[1].generation, long_one);
  EXPECT_EQ(read_[1].position, 500);
  EXPECT_EQ(read_[1].exit, 1U);
}

TEST_F(ShallowComputeActor, GivesUpALaterExitWhoseLayersFail) {
  advance_by(long_one, 500);
  run();
  read_.clear();
  passes_.clear();
  engine_->inject = [](const model::Step&) {
    return model::Error{model::ErrorCode::non_finite, "not finite"};
  };
  tell(Deepen{long_one, 1});
  run();
  EXPECT_THAT(passes_, SizeIs(1)) << "tried again and again";
  EXPECT_THAT(read_, SizeIs(0));
}

}  // namespace
}  // namespace cecollm::actors
