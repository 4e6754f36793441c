// What the engine refuses, and that a refusal changes nothing.

#include <cstring>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::open_session;
using tests::run_one;
using tests::succeeded;

const std::vector<TokenId> prompt{1, 5, 9};

class TorchErrors : public testing::Test {
 protected:
  tests::RandomModel model_{tests::with_exits(tests::random_llama(), {2, 4})};
  std::unique_ptr<Engine> edge_ = model_.load(Part::edge);
  std::unique_ptr<Engine> cloud_ = model_.load(Part::cloud);
};

Rows rows_of(std::span<const float> values, std::int64_t d) {
  auto rows = find_row_codec("fp32")->encode(values, d);
  EXPECT_TRUE(succeeded(rows));
  return rows.value_or(Rows{});
}

TEST_F(TorchErrors, TokenIdsOutsideTheVocabulary) {
  const auto session = open_session(*edge_);
  for (const TokenId id : {-1, 96, std::numeric_limits<TokenId>::max()}) {
    EXPECT_TRUE(fails_with(run_one(*edge_, *session, std::vector<TokenId>{1, id}, {0}),
                           ErrorCode::out_of_range, {std::to_string(id), "96"}));
    auto step = tests::make_step(*session, prompt, {0});
    step.output_history = {id};
    EXPECT_TRUE(fails_with(edge_->run({&step, 1}).front(), ErrorCode::out_of_range, {}));
  }
  EXPECT_EQ(session->length(), 0);
  EXPECT_EQ(session->pending_bytes(), 0);
}

TEST_F(TorchErrors, InputOfTheOtherPart) {
  const auto edge_session = open_session(*edge_);
  const auto cloud_session = open_session(*cloud_);
  const auto rows = run_one(*edge_, *edge_session, prompt, {})->rows;
  EXPECT_TRUE(fails_with(run_one(*edge_, *edge_session, rows, {0}), ErrorCode::mismatch, {"rows"}));
  EXPECT_TRUE(
      fails_with(run_one(*cloud_, *cloud_session, prompt, {0}), ErrorCode::mismatch, {"ids"}));
  EXPECT_EQ(edge_session->length(), 3);
  EXPECT_EQ(cloud_session->length(), 0);
}

TEST_F(TorchErrors, RowsWhoseBytesDoNotAddUp) {
  const auto session = open_session(*cloud_);
  const auto bytes = [](std::size_t n) {
    return std::make_shared<std::vector<std::byte>>(n);
  };
  const std::size_t row = 32 * 4;
  for (const auto& [count, size] : {std::pair<std::int64_t, std::size_t>{1, row - 1},
                                    {1, 2 * row},
                                    {2, row},
                                    {-1, row},
                                    {std::numeric_limits<std::int64_t>::max(), row},
                                    {0, row}}) {
    EXPECT_TRUE(
        fails_with(run_one(*cloud_, *session, Rows{.count = count, .bytes = bytes(size)}, {0}),
                   ErrorCode::mismatch, {"rows", "fp32"}))
        << count << " rows in " << size << " bytes";
  }
  EXPECT_TRUE(fails_with(run_one(*cloud_, *session, Rows{.count = 1, .bytes = nullptr}, {0}),
                         ErrorCode::mismatch, {"0 bytes"}));
  EXPECT_EQ(session->length(), 0);
}

TEST_F(TorchErrors, RowsThatAreNotFinite) {
  const auto session = open_session(*cloud_);
  std::vector<float> values(64, 0.5F);
  const auto good = rows_of(values, 32);
  auto broken = std::vector<std::byte>(*good.bytes);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(broken.data() + 40 * sizeof(float), &nan, sizeof(float));
  const Rows bad{.count = 2, .bytes = std::make_shared<std::vector<std::byte>>(broken)};
  EXPECT_TRUE(fails_with(run_one(*cloud_, *session, bad, {0}), ErrorCode::non_finite, {}));
  EXPECT_EQ(session->length(), 0);
  EXPECT_TRUE(succeeded(run_one(*cloud_, *session, good, {0})));
}

TEST_F(TorchErrors, HeadsThatAreNotThere) {
  const auto session = open_session(*edge_);
  EXPECT_TRUE(fails_with(run_one(*edge_, *session, {}, {0}), ErrorCode::out_of_range,
                         {"before the first position"}));
  EXPECT_TRUE(
      fails_with(run_one(*edge_, *session, prompt, {2}), ErrorCode::out_of_range, {"stage 2"}));
  EXPECT_TRUE(
      fails_with(run_one(*edge_, *session, prompt, {1, 0}), ErrorCode::out_of_range, {"ascend"}));
  const auto cloud_only = model_.load(Part::cloud_only);
  const auto other = open_session(*cloud_only);
  EXPECT_TRUE(
      fails_with(run_one(*cloud_only, *other, prompt, {0}), ErrorCode::out_of_range, {"no head"}));
  EXPECT_EQ(session->length(), 0);
}

TEST_F(TorchErrors, SessionsOfAnotherEngine) {
  const auto session = open_session(*edge_);
  EXPECT_TRUE(fails_with(run_one(*cloud_, *session, {}, {}), ErrorCode::mismatch, {"session"}));
  const Step nobody;
  EXPECT_TRUE(fails_with(edge_->run({&nobody, 1}).front(), ErrorCode::mismatch, {"session"}));
}

TEST_F(TorchErrors, TextsThatCannotBeScored) {
  EXPECT_TRUE(fails_with(cloud_->score(prompt, prompt), ErrorCode::mismatch, {"rows"}));
  const std::vector<TokenId> short_list{1};
  EXPECT_TRUE(fails_with(edge_->score(prompt, short_list), ErrorCode::mismatch, {"3 ids"}));
  const std::vector<TokenId> outside{1, 5, 96};
  EXPECT_TRUE(fails_with(edge_->score(outside, prompt), ErrorCode::out_of_range, {"96"}));
  EXPECT_TRUE(fails_with(edge_->score(prompt, outside), ErrorCode::out_of_range, {"96"}));
  const std::vector<TokenId> endless(161, 1);
  EXPECT_TRUE(fails_with(edge_->score(endless, endless), ErrorCode::out_of_range, {"161"}));
}

TEST_F(TorchErrors, PartsThatAModelWithoutExitsLacks) {
  const tests::RandomModel plain(tests::random_llama());
  for (const auto part : {Part::edge, Part::cloud}) {
    EXPECT_TRUE(fails_with(load_engine(plain.checkpoint(), part, {ComputeDType::fp32, nullptr}),
                           ErrorCode::mismatch, {"early exits"}));
  }
}

/// A checkpoint whose tensor `name` is replaced by `change`.
void rewrite_tensor(const std::filesystem::path& dir, const std::string& name,
                    const std::function<void(TensorView&)>& change) {
  auto tensors = SafetensorsFile::open(dir / "model.safetensors")->tensors();
  change(tensors.at(name));
  ASSERT_TRUE(succeeded(write_safetensors(dir / "rewritten", tensors, {})));
  std::filesystem::rename(dir / "rewritten", dir / "model.safetensors");
}

/// Makes the value at `index` of a tensor NaN.
void poison(TensorView& view, std::size_t index) {
  auto data = std::make_shared<std::vector<std::byte>>(view.bytes.begin(), view.bytes.end());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(data->data() + index * sizeof(float), &nan, sizeof(float));
  view.bytes = *data;
  view.file = std::move(data);
}

TEST_F(TorchErrors, ActivationsThatAreNotFiniteAtTheFirstExit) {
  // Token 9's embedding is poisoned, so its row cannot be encoded.
  rewrite_tensor(model_.path(), "model.embed_tokens.weight",
                 [](TensorView& view) { poison(view, 9 * 32 + 3); });
  const auto edge = model_.load(Part::edge);
  const auto session = open_session(*edge);
  ASSERT_TRUE(succeeded(run_one(*edge, *session, std::vector<TokenId>{1, 5}, {0})));
  EXPECT_TRUE(fails_with(run_one(*edge, *session, std::vector<TokenId>{9}, {0}),
                         ErrorCode::non_finite, {}));
  EXPECT_EQ(session->length(), 2);
  EXPECT_TRUE(succeeded(run_one(*edge, *session, std::vector<TokenId>{7}, {0, 1})));
  EXPECT_TRUE(fails_with(edge->score(prompt, prompt), ErrorCode::non_finite, {}));
}

TEST_F(TorchErrors, LogitsThatAreNotFinite) {
  rewrite_tensor(model_.path(), "model.layers.5.mlp.down_proj.weight",
                 [](TensorView& view) { poison(view, 0); });
  const auto whole = model_.load(Part::whole);
  const auto session = open_session(*whole);
  ASSERT_TRUE(succeeded(run_one(*whole, *session, prompt, {0, 1})));
  EXPECT_TRUE(fails_with(run_one(*whole, *session, std::vector<TokenId>{7}, {2}),
                         ErrorCode::non_finite, {"logits", "position 3"}));
  EXPECT_EQ(session->length(), 3);
  EXPECT_EQ(session->stage_length(2), 0);
  EXPECT_TRUE(succeeded(run_one(*whole, *session, std::vector<TokenId>{7}, {1})));
}

TEST_F(TorchErrors, TensorsOfAnotherShapeOrMissing) {
  rewrite_tensor(model_.path(), "model.layers.0.mlp.down_proj.weight",
                 [](TensorView& view) { std::swap(view.shape[0], view.shape[1]); });
  EXPECT_TRUE(
      fails_with(load_engine(model_.checkpoint(), Part::edge, {ComputeDType::fp32, nullptr}),
                 ErrorCode::mismatch, {"model.layers.0.mlp.down_proj.weight", "48"}));
  EXPECT_TRUE(
      succeeded(load_engine(model_.checkpoint(), Part::cloud, {ComputeDType::fp32, nullptr})));
}

}  // namespace
}  // namespace cecollm::model
