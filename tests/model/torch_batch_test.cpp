// Many sessions in one pass compute what each computes alone.

#include <gtest/gtest.h>

#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::succeeded;

/// A session's life: when it joins, what it is given, what it reads.
struct Script {
  int first_pass = 0;
  std::vector<TokenId> prompt;
  std::vector<std::vector<std::size_t>> reads;  // by pass
};

std::vector<Script> scripts(std::size_t count, int passes, std::mt19937& random) {
  const std::vector<std::vector<std::size_t>> choices{{0, 1, 2}, {2}, {0}, {0, 1}, {1}, {}};
  std::uniform_int_distribution<std::size_t> choice(0, choices.size() - 1);
  std::uniform_int_distribution<std::size_t> length(1, 40);
  std::vector<Script> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i].first_pass = static_cast<int>(i % 5);
    result[i].prompt = tests::random_ids(length(random), 96, random);
    for (int pass = 0; pass < passes; ++pass) result[i].reads.push_back(choices[choice(random)]);
  }
  return result;
}

/// Feeds each session its prompt, then the token of the last head it read (or a fixed one), in
/// passes that hold all sessions that have joined. Readings by session, in order.
std::vector<std::vector<Reading>> play(Engine& engine, const std::vector<Script>& scripts,
                                       int passes) {
  SamplingParams sampling;
  sampling.top_logprobs = 10;
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    sessions.push_back(tests::open_session(engine, sampling));
  }
  std::vector<std::vector<Reading>> readings(scripts.size());
  for (int pass = 0; pass < passes; ++pass) {
    std::vector<Step> batch;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < scripts.size(); ++i) {
      const auto& script = scripts[i];
      if (pass < script.first_pass) continue;
      const bool starts = pass == script.first_pass;
      const TokenId next = readings[i].empty() ? 7 : readings[i].back().token;
      batch.push_back(tests::make_step(*sessions[i],
                                       starts ? script.prompt : std::vector<TokenId>{next},
                                       script.reads[static_cast<std::size_t>(pass)]));
      who.push_back(i);
    }
    const auto results = engine.run(batch);
    EXPECT_EQ(results.size(), batch.size());
    for (std::size_t k = 0; k < results.size(); ++k) {
      EXPECT_TRUE(succeeded(results[k]));
      if (!results[k]) continue;
      auto& own = readings[who[k]];
      own.insert(own.end(), results[k]->readings.begin(), results[k]->readings.end());
    }
  }
  return readings;
}

class Batch : public testing::TestWithParam<std::size_t> {};

TEST_P(Batch, SaysToEachSessionWhatItHearsAlone) {
  constexpr int passes = 20;
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const auto engine = model.load(Part::whole);
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  const auto all = scripts(GetParam(), passes, random);
  const auto together = play(*engine, all, passes);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto alone = play(*engine, {all[i]}, passes).front();
    ASSERT_EQ(together[i].size(), alone.size()) << "session " << i;
    for (std::size_t k = 0; k < alone.size(); ++k) {
      ASSERT_TRUE(tests::nearly_equal(together[i][k], alone[k]))
          << "session " << i << " reading " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Batch, testing::Values(1, 7, 32));

TEST(BatchErrors, AFailingStepLeavesItselfAndTheOthersIntact) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const auto engine = model.load(Part::whole);
  const auto good = tests::open_session(*engine);
  const auto bad = tests::open_session(*engine);
  const auto alone = tests::open_session(*engine);
  const std::vector<TokenId> prompt{1, 5, 9};
  const auto expected = tests::run_one(*engine, *alone, prompt, {2});
  const std::vector<Step> batch{tests::make_step(*bad, std::vector<TokenId>{1, 96}, {2}),
                                tests::make_step(*good, prompt, {2})};
  const auto results = engine->run(batch);
  EXPECT_TRUE(fails_with(results[0], ErrorCode::out_of_range, {"96"}));
  EXPECT_EQ(bad->length(), 0);
  ASSERT_TRUE(succeeded(results[1]));
  EXPECT_TRUE(tests::nearly_equal(results[1]->readings[0], expected->readings[0]));
}

TEST(BatchErrors, ASessionThatComesTwiceIsServedOnce) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const auto engine = model.load(Part::whole);
  const auto session = tests::open_session(*engine);
  const std::vector<Step> batch{tests::make_step(*session, std::vector<TokenId>{1}, {2}),
                                tests::make_step(*session, std::vector<TokenId>{2}, {2})};
  const auto results = engine->run(batch);
  EXPECT_TRUE(succeeded(results[0]));
  EXPECT_TRUE(fails_with(results[1], ErrorCode::mismatch, {"same session"}));
  EXPECT_EQ(session->length(), 1);
}

TEST(BatchErrors, AnEmptyBatchGivesNothing) {
  const tests::RandomModel model(tests::random_llama());
  EXPECT_TRUE(model.load(Part::whole)->run({}).empty());
}

}  // namespace
}  // namespace cecollm::model
