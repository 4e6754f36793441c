#include "model/reference.hpp"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::FakeEngine;
using tests::succeeded;

ReferenceRequest request(std::vector<float> thresholds, int max_tokens = 60) {
  ReferenceRequest request;
  request.prompt = {1, 5, 9};
  request.max_tokens = max_tokens;
  request.thresholds = std::move(thresholds);
  request.ignore_eos = true;
  return request;
}

std::vector<ReferenceToken> reference(const ReferenceRequest& request) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  auto tokens = run_reference(whole, request);
  EXPECT_TRUE(succeeded(tokens));
  return tokens.value_or(std::vector<ReferenceToken>{});
}

/// How all heads score each token of `tokens`, from one pass over the text.
std::vector<std::vector<HeadScore>> scores_of(const std::vector<TokenId>& prompt,
                                              const std::vector<ReferenceToken>& tokens) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  std::vector<TokenId> text = prompt;
  for (const auto& token : tokens) text.push_back(token.id);
  const std::span<const TokenId> all(text);
  auto scores = whole.score(all.first(all.size() - 1), all.subspan(1));
  EXPECT_TRUE(succeeded(scores));
  scores->erase(scores->begin(), scores->begin() + static_cast<std::ptrdiff_t>(prompt.size()) - 1);
  return *std::move(scores);
}

TEST(Reference, TakesTheFirstExitThatIsSureElseTheFinalHead) {
  const auto wanted = request({0.8F, 0.6F});
  const auto tokens = reference(wanted);
  const auto scores = scores_of(wanted.prompt, tokens);
  ASSERT_EQ(tokens.size(), 60U);
  std::array<int, 3> count{};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto& s = scores[i];
    const int head = s[0].confidence >= 0.8F ? 0 : s[1].confidence >= 0.6F ? 1 : final_head;
    const auto& chosen = s[head == final_head ? 2 : static_cast<std::size_t>(head)];
    EXPECT_EQ(tokens[i].head, head) << "token " << i;
    EXPECT_EQ(tokens[i].id, chosen.argmax) << "token " << i;
    EXPECT_FLOAT_EQ(tokens[i].confidence, chosen.confidence) << "token " << i;
    ++count.at(static_cast<std::size_t>(head + 1));
  }
  EXPECT_TRUE(std::ranges::all_of(count, [](int n) { return n > 0; })) << "a head never spoke";
}

TEST(Reference, WithoutThresholdsIsThePlainModel) {
  const auto plain = request({});
  const auto tokens = reference(plain);
  const auto scores = scores_of(plain.prompt, tokens);
  ASSERT_EQ(tokens.size(), 60U);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(tokens[i].head, final_head);
    EXPECT_EQ(tokens[i].id, scores[i][2].argmax);
  }
}

TEST(Reference, ThresholdsAboveOneGiveThePlainModelsTokens) {
  const auto plain = reference(request({}));
  const auto strict = reference(request({1.1F, 1.1F}));
  EXPECT_TRUE(std::ranges::equal(plain, strict, {}, &ReferenceToken::id, &ReferenceToken::id));
}

TEST(Reference, ThresholdZeroAlwaysTakesTheFirstExit) {
  const auto tokens = reference(request({0.0F, 0.5F}));
  EXPECT_TRUE(std::ranges::all_of(tokens, [](const auto& t) { return t.head == 0; }));
}

TEST(Reference, StandaloneFallsToTheLastExitAndNeverToTheFinalHead) {
  auto alone = request({0.8F, 2.0F});
  alone.standalone = true;
  const auto tokens = reference(alone);
  const auto first = std::ranges::count(tokens, 0, &ReferenceToken::head);
  const auto last = std::ranges::count(tokens, 1, &ReferenceToken::head);
  EXPECT_GT(first, 0);
  EXPECT_GT(last, 0);
  EXPECT_EQ(first + last, 60);
}

TEST(Reference, EndOfTextIsEmittedAndEndsTheTextUnlessIgnored) {
  auto endless = request({}, 500);
  const auto all = reference(endless);
  const auto end = std::ranges::find(all, 2, &ReferenceToken::id);
  ASSERT_NE(end, all.end());
  endless.ignore_eos = false;
  const auto stopped = reference(endless);
  EXPECT_EQ(std::ssize(stopped), end - all.begin() + 1);
  EXPECT_EQ(stopped.back().id, 2);
}

TEST(Reference, EndsWithTheModelsLastPosition) {
  // 512 positions: 3 of the prompt, 509 of tokens, and the last one's successor.
  EXPECT_EQ(reference(request({}, 10000)).size(), 510U);
}

TEST(Reference, TheCallersRefusalEndsTheText) {
  auto limited = request({});
  int seen = 0;
  limited.on_token = [&](const ReferenceToken&) {
    return ++seen < 5;
  };
  EXPECT_EQ(reference(limited).size(), 5U);
}

TEST(Reference, PenaltiesSeePromptAndOutput) {
  // Strong enough to outweigh every logit, so no token comes twice.
  auto penalised = request({});
  penalised.sampling.presence_penalty = 2.0F;
  penalised.sampling.frequency_penalty = 2.0F;
  penalised.sampling.repetition_penalty = 1000.0F;
  penalised.max_tokens = 40;
  auto ids = penalised.prompt;
  for (const auto& token : reference(penalised)) ids.push_back(token.id);
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(Reference, SamplingIsAFunctionOfTheSeed) {
  auto sampled = request({0.8F, 0.6F});
  sampled.sampling.temperature = 2.0F;
  sampled.sampling.seed = 1;
  const auto first = reference(sampled);
  EXPECT_TRUE(
      std::ranges::equal(first, reference(sampled), {}, &ReferenceToken::id, &ReferenceToken::id));
  sampled.sampling.seed = 2;
  EXPECT_FALSE(
      std::ranges::equal(first, reference(sampled), {}, &ReferenceToken::id, &ReferenceToken::id));
}

TEST(Reference, NamesWhatIsWrongWithARequest) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  auto wrong = request({0.5F});
  EXPECT_TRUE(
      fails_with(run_reference(whole, wrong), ErrorCode::mismatch, {"1 thresholds", "2 exits"}));
  wrong = request({0.5F, 0.5F});
  wrong.prompt.clear();
  EXPECT_TRUE(fails_with(run_reference(whole, wrong), ErrorCode::out_of_range, {"prompt"}));
  wrong = request({});
  wrong.standalone = true;
  EXPECT_TRUE(fails_with(run_reference(whole, wrong), ErrorCode::mismatch, {"standalone"}));
  wrong = request({});
  wrong.prompt = {1, 99};
  EXPECT_TRUE(fails_with(run_reference(whole, wrong), ErrorCode::out_of_range, {"99"}));
  wrong = request({});
  wrong.sampling.top_p = 2.0F;
  EXPECT_TRUE(fails_with(run_reference(whole, wrong), ErrorCode::out_of_range, {"top_p"}));
}

TEST(Reference, AModelWithoutExitsIsThePlainModel) {
  auto fake = tests::fake_model();
  fake.config.exits.reset();
  FakeEngine whole(fake, Part::whole);
  const auto tokens = run_reference(whole, request({}));
  ASSERT_TRUE(succeeded(tokens));
  EXPECT_EQ(tokens->size(), 60U);
  EXPECT_TRUE(fails_with(run_reference(whole, request({0.5F})), ErrorCode::mismatch, {"0 exits"}));
}

}  // namespace
}  // namespace cecollm::model
