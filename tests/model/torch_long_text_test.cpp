// Texts that go through the layers in blocks of rows and of queries.

#include <gtest/gtest.h>

#include "model/torch_engine.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::nearly_equal;
using tests::open_session;
using tests::run_one;
using tests::succeeded;

/// So many heads that the scores of 512 queries over 1100 keys are split too.
nlohmann::json many_heads() {
  auto config = tests::random_llama();
  config["num_attention_heads"] = 32;
  config["num_key_value_heads"] = 4;
  config["head_dim"] = 2;
  config["num_hidden_layers"] = 2;
  config["max_position_embeddings"] = 1200;
  return tests::with_exits(config, {1});
}

class LongText : public testing::Test {
 protected:
  tests::RandomModel model_{many_heads()};
  std::unique_ptr<Engine> whole_ = model_.load(Part::whole);
  std::vector<TokenId> ids_ = [] {
    std::mt19937 random(8);
    return tests::random_ids(1100, 96, random);
  }();
};

TEST_F(LongText, AtOnceEqualsPieceByPiece) {
  const auto at_once = open_session(*whole_);
  const auto all = run_one(*whole_, *at_once, ids_, {0, 1});
  ASSERT_TRUE(succeeded(all));
  EXPECT_EQ(all->rows.count, 1100);
  const auto pieces = open_session(*whole_);
  Result<StepResult> last = StepResult{};
  for (std::size_t begin = 0; begin < ids_.size(); begin += 100) {
    const auto piece = ids_.begin() + static_cast<std::ptrdiff_t>(begin);
    last = run_one(*whole_, *pieces, std::vector<TokenId>(piece, piece + 100), {0, 1});
    ASSERT_TRUE(succeeded(last));
  }
  EXPECT_TRUE(nearly_equal(all->readings[0], last->readings[0]));
  EXPECT_TRUE(nearly_equal(all->readings[1], last->readings[1]));
}

TEST_F(LongText, ManyLongPromptsInOnePassEqualEachAlone) {
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<Step> batch;
  for (const std::int64_t length : {1100, 1, 300, 512, 30}) {
    sessions.push_back(open_session(*whole_));
    const std::vector<TokenId> ids(ids_.begin(), ids_.begin() + length);
    batch.push_back(tests::make_step(*sessions.back(), ids, {1}));
  }
  const auto together = whole_->run(batch);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto alone = open_session(*whole_);
    const auto expected = run_one(*whole_, *alone, batch[i].input, {1});
    ASSERT_TRUE(succeeded(together[i]));
    EXPECT_TRUE(nearly_equal(together[i]->readings[0], expected->readings[0])) << i;
  }
}

TEST_F(LongText, ScoresEqualTheReadingsOfASession) {
  const std::span<const TokenId> ids(ids_);
  const auto scores = whole_->score(ids, ids);
  ASSERT_TRUE(succeeded(scores));
  ASSERT_EQ(scores->size(), 1100U);
  const auto session = open_session(*whole_);
  for (const std::size_t end : {256, 257, 900, 1100}) {
    const auto from = static_cast<std::size_t>(session->length());
    const auto piece = ids.subspan(from, end - from);
    const auto result =
        run_one(*whole_, *session, std::vector<TokenId>(piece.begin(), piece.end()), {0, 1});
    ASSERT_TRUE(succeeded(result));
    for (const std::size_t head : {0, 1}) {
      EXPECT_EQ((*scores)[end - 1][head].argmax, result->readings[head].token);
      EXPECT_NEAR((*scores)[end - 1][head].confidence, result->readings[head].confidence, 1e-4F);
    }
  }
}

}  // namespace
}  // namespace cecollm::model
