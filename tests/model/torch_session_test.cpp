// Stages, caches and pending rows of one session.

#include <gtest/gtest.h>

#include "model/reserved_memory.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::nearly_equal;
using tests::open_session;
using tests::run_one;
using tests::succeeded;

const std::vector<TokenId> seven_ids{1, 5, 9, 20, 33, 8, 71};

class TorchSessionTest : public testing::Test {
 protected:
  tests::RandomModel model_{tests::with_exits(tests::random_llama(), {2, 4})};
  std::unique_ptr<Engine> edge_ = model_.load(Part::edge);
  std::unique_ptr<Engine> whole_ = model_.load(Part::whole);
};

TEST_F(TorchSessionTest, TheFirstStageRunsAtOnceAndTheOthersWhenRead) {
  const auto session = open_session(*edge_);
  const auto first = run_one(*edge_, *session, seven_ids, {});
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->rows.count, 7);
  EXPECT_TRUE(first->readings.empty());
  EXPECT_EQ(session->length(), 7);
  EXPECT_EQ(session->stage_length(0), 7);
  EXPECT_EQ(session->stage_length(1), 0);
  EXPECT_GE(session->pending_bytes(), 7 * 32 * 4);

  const auto second = run_one(*edge_, *session, std::vector<TokenId>{3}, {0});
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->rows.count, 1);
  EXPECT_EQ(second->readings.size(), 1U);
  EXPECT_EQ(session->stage_length(1), 0);

  const auto third = run_one(*edge_, *session, {}, {1});
  ASSERT_TRUE(succeeded(third));
  EXPECT_EQ(third->rows.count, 0);
  EXPECT_EQ(session->stage_length(1), 8);
  EXPECT_EQ(session->pending_bytes(), 0);
}

TEST_F(TorchSessionTest, CatchUpInOnePassEqualsRowByRow) {
  const auto late = open_session(*whole_);
  const auto prompt_then_tokens = [&](Session& session, bool each) {
    Result<StepResult> last = StepResult{};
    for (const TokenId id : seven_ids) {
      last = run_one(*whole_, session, std::vector<TokenId>{id},
                     each ? std::vector<std::size_t>{0, 1, 2} : std::vector<std::size_t>{0});
      EXPECT_TRUE(succeeded(last));
    }
    return last;
  };
  const auto prompt_session = open_session(*whole_);
  const auto step_by_step = prompt_then_tokens(*prompt_session, true);
  prompt_then_tokens(*late, false);
  const auto at_once = run_one(*whole_, *late, {}, {1, 2});
  ASSERT_TRUE(succeeded(at_once));
  EXPECT_TRUE(nearly_equal(at_once->readings[0], step_by_step->readings[1]));
  EXPECT_TRUE(nearly_equal(at_once->readings[1], step_by_step->readings[2]));
}

TEST_F(TorchSessionTest, WaitingRowsRunInPiecesAndNewOnesMayComeBetween) {
  const auto session = open_session(*whole_);
  const auto run_piece = [&](std::size_t stage, std::int64_t rows) {
    Step step;
    step.session = session.get();
    step.piece = {stage, rows};
    return whole_->run(std::span(&step, 1)).front();
  };
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, seven_ids, {0})));
  const auto piece = run_piece(1, 3);
  ASSERT_TRUE(succeeded(piece));
  EXPECT_EQ(piece->rows.count, 0);
  EXPECT_EQ(session->stage_length(1), 3);
  EXPECT_EQ(session->stage_length(2), 0);
  auto text = seven_ids;
  // More than there was room for behind the rows that wait.
  const std::vector<TokenId> more(40, 4);
  text.insert(text.end(), more.begin(), more.end());
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, more, {0})));
  ASSERT_TRUE(succeeded(run_piece(1, 20)));
  EXPECT_EQ(session->stage_length(1), 23);
  ASSERT_TRUE(succeeded(run_piece(2, 5)));
  session->truncate(46);
  text.resize(46);
  const auto rest = run_one(*whole_, *session, {}, {1, 2});
  ASSERT_TRUE(succeeded(rest));
  EXPECT_EQ(session->pending_bytes(), 0);
  const auto fresh = open_session(*whole_);
  const auto expected = run_one(*whole_, *fresh, text, {1, 2});
  EXPECT_TRUE(nearly_equal(rest->readings[0], expected->readings[0]));
  EXPECT_TRUE(nearly_equal(rest->readings[1], expected->readings[1]));
  EXPECT_TRUE(fails_with(run_piece(1, 1), ErrorCode::out_of_range, {})) << "none waits";
}

TEST_F(TorchSessionTest, WaitingAndNewRowsCatchUpTogether) {
  const auto session = open_session(*whole_);
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, seven_ids, {0})));
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, std::vector<TokenId>{4}, {0, 1})));
  const auto mixed = run_one(*whole_, *session, std::vector<TokenId>{6}, {2});
  auto text = seven_ids;
  text.insert(text.end(), {4, 6});
  const auto fresh = open_session(*whole_);
  const auto expected = run_one(*whole_, *fresh, text, {2});
  ASSERT_TRUE(succeeded(mixed));
  EXPECT_TRUE(nearly_equal(mixed->readings[0], expected->readings[0]));
}

TEST_F(TorchSessionTest, TheSamePositionCanBeReadAgain) {
  const auto session = open_session(*whole_);
  const auto first = run_one(*whole_, *session, seven_ids, {0, 2});
  const auto again = run_one(*whole_, *session, {}, {0, 1, 2});
  ASSERT_TRUE(succeeded(again));
  EXPECT_TRUE(nearly_equal(first->readings[0], again->readings[0]));
  EXPECT_TRUE(nearly_equal(first->readings[1], again->readings[2]));
  EXPECT_EQ(session->length(), 7);
}

TEST_F(TorchSessionTest, TruncatedTextRedoneGivesTheSameReadings) {
  const auto session = open_session(*whole_);
  const auto first = run_one(*whole_, *session, seven_ids, {0, 1, 2});
  ASSERT_TRUE(succeeded(first));
  for (const std::int64_t length : {6, 3, 0}) {
    ASSERT_TRUE(succeeded(run_one(*whole_, *session, std::vector<TokenId>{90, 91}, {0, 1})));
    session->truncate(length);
    EXPECT_EQ(session->length(), length);
    for (const std::size_t stage : {0, 1, 2}) EXPECT_LE(session->stage_length(stage), length);
    const std::vector<TokenId> rest(seven_ids.begin() + length, seven_ids.end());
    const auto again = run_one(*whole_, *session, rest, {0, 1, 2});
    ASSERT_TRUE(succeeded(again));
    for (const std::size_t head : {0, 1, 2}) {
      EXPECT_TRUE(nearly_equal(first->readings[head], again->readings[head])) << length;
    }
  }
}

TEST_F(TorchSessionTest, TruncationKeepsTheWaitingRowsBeforeIt) {
  const auto session = open_session(*whole_);
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, seven_ids, {0})));
  session->truncate(4);
  const auto cut = run_one(*whole_, *session, {}, {1, 2});
  const auto fresh = open_session(*whole_);
  const std::vector<TokenId> kept(seven_ids.begin(), seven_ids.begin() + 4);
  const auto expected = run_one(*whole_, *fresh, kept, {1, 2});
  ASSERT_TRUE(succeeded(cut));
  EXPECT_TRUE(nearly_equal(cut->readings[0], expected->readings[0]));
  EXPECT_TRUE(nearly_equal(cut->readings[1], expected->readings[1]));
}

TEST_F(TorchSessionTest, APositionComputedBeforeATruncationMustBeAppendedAgainToBeRead) {
  const auto session = open_session(*whole_);
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, seven_ids, {2})));
  session->truncate(4);
  EXPECT_TRUE(fails_with(run_one(*whole_, *session, {}, {2}), ErrorCode::out_of_range,
                         {"position 3", "truncation"}));
  EXPECT_EQ(session->length(), 4);
}

TEST_F(TorchSessionTest, CachesTakeMemoryByThePageAsTheyGrow) {
  if (tests::test_device().kind != Device::Kind::cpu) GTEST_SKIP() << "pages are the CPU's";
  const auto session = open_session(*whole_);
  EXPECT_EQ(session->kv_bytes(), 0);
  const auto& config = whole_->config();
  const auto per_token = kv_bytes_per_token(config, Part::whole, DType::f32);
  const auto slack = 2 * config.num_layers * static_cast<std::int64_t>(page_bytes());
  for (std::int64_t i = 1; i <= 160; ++i) {
    ASSERT_TRUE(succeeded(run_one(*whole_, *session, std::vector<TokenId>{5}, {2})));
    ASSERT_EQ(session->kv_bytes(), whole_->kv_bytes_at(i));
    ASSERT_GE(session->kv_bytes(), i * per_token);
    ASSERT_LT(session->kv_bytes(), i * per_token + slack);
  }
}

TEST_F(TorchSessionTest, AStepThatReadsNothingCatchesUpWhereItIsTold) {
  const auto session = open_session(*whole_);
  Step step;
  step.session = session.get();
  step.input = seven_ids;
  step.catch_up = true;
  ASSERT_TRUE(succeeded(whole_->run(std::span(&step, 1)).front()));
  for (std::size_t stage = 0; stage < whole_->stages().size(); ++stage) {
    EXPECT_EQ(session->stage_length(stage), session->length());
  }
  EXPECT_EQ(session->pending_bytes(), 0);
  const auto later = run_one(*whole_, *session, {}, {2});
  const auto at_once = run_one(*whole_, *open_session(*whole_), seven_ids, {2});
  ASSERT_TRUE(succeeded(later));
  EXPECT_TRUE(nearly_equal(later->readings[0], at_once->readings[0]));
}

TEST_F(TorchSessionTest, EndsAtTheModelsLastPosition) {
  const auto session = open_session(*whole_);
  const std::vector<TokenId> all(160, 5);
  ASSERT_TRUE(succeeded(run_one(*whole_, *session, all, {0})));
  EXPECT_TRUE(fails_with(run_one(*whole_, *session, std::vector<TokenId>{1}, {0}),
                         ErrorCode::out_of_range, {"160"}));
  EXPECT_EQ(session->length(), 160);
  session->truncate(159);
  EXPECT_TRUE(succeeded(run_one(*whole_, *session, std::vector<TokenId>{1}, {2})));
}

TEST_F(TorchSessionTest, PenaltiesLookAtTheHistoryThatStepsAdd) {
  SamplingParams sampling;
  sampling.presence_penalty = 2.0F;
  sampling.frequency_penalty = 2.0F;
  sampling.repetition_penalty = 1000.0F;
  const auto session = open_session(*whole_, sampling);
  auto step = tests::make_step(*session, seven_ids, {2});
  step.prompt_history = seven_ids;
  std::set<TokenId> seen(seven_ids.begin(), seven_ids.end());
  for (int i = 0; i < 30; ++i) {
    const auto result = whole_->run({&step, 1}).front();
    ASSERT_TRUE(succeeded(result));
    const TokenId token = result->readings[0].token;
    EXPECT_TRUE(seen.insert(token).second) << token << " came twice";
    step.input = std::vector<TokenId>{token};
    step.prompt_history.clear();
    step.output_history = {token};
  }
}

TEST_F(TorchSessionTest, AFailedStepAddsNoHistory) {
  SamplingParams sampling;
  sampling.presence_penalty = 2.0F;
  sampling.repetition_penalty = 1000.0F;
  const auto session = open_session(*whole_, sampling);
  const auto plain = run_one(*whole_, *session, seven_ids, {2});
  const TokenId favourite = plain->readings[0].token;
  auto step = tests::make_step(*session, std::vector<TokenId>{96}, {2});
  step.output_history = {favourite};
  EXPECT_TRUE(fails_with(whole_->run({&step, 1}).front(), ErrorCode::out_of_range, {}));
  EXPECT_EQ(run_one(*whole_, *session, {}, {2})->readings[0].token, favourite);
  step.input = std::monostate{};
  EXPECT_NE(whole_->run({&step, 1}).front()->readings[0].token, favourite);
}

TEST_F(TorchSessionTest, SamplingParametersOutOfRangeAreRefused) {
  SamplingParams sampling;
  sampling.top_p = 1.5F;
  EXPECT_TRUE(fails_with(whole_->open(sampling), ErrorCode::out_of_range, {"top_p"}));
}

}  // namespace
}  // namespace cecollm::model
