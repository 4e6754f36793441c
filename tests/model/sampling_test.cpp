#include "model/sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(std::size_t size, unsigned seed, float deviation = 3.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(generator);
  return logits;
}

TokenId greedy(const std::vector<float>& logits) {
  return read_logits(logits, SamplingParams{}, TokenHistory{}, 0).token;
}

std::vector<long double> softmax(const std::vector<float>& logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<long double> result;
  for (const float logit : logits) {
    result.push_back(std::exp(static_cast<long double>(logit) - largest));
  }
  const long double total = std::accumulate(result.begin(), result.end(), 0.0L);
  for (long double& probability : result) probability /= total;
  return result;
}

TEST(Greedy, TakesTheLargestLogitAtEverySizeAndPlace) {
  for (const std::size_t size : {1, 2, 15, 16, 17, 255, 256, 257, 600}) {
    for (std::size_t place = 0; place < size; ++place) {
      std::vector<float> logits(size, -1.0F);
      logits[place] = 1.0F;
      ASSERT_EQ(greedy(logits), static_cast<TokenId>(place)) << "of " << size;
    }
  }
}

TEST(Greedy, TakesTheLowestIdAmongEqualLogits) {
  std::vector<float> logits(5000, 0.0F);
  EXPECT_EQ(greedy(logits), 0);
  logits[4000] = 2.0F;
  EXPECT_EQ(greedy(logits), 4000);
  logits[700] = 2.0F;
  EXPECT_EQ(greedy(logits), 700);
  logits[699] = 2.0F;
  EXPECT_EQ(greedy(logits), 699);
}

TEST(Greedy, AgreesWithAPlainSearchOnCoarseLogitsFullOfTies) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::vector<float> logits = random_logits(1 + seed * 7, seed, 1.0F);
    for (float& logit : logits) logit = std::round(logit * 2.0F);
    const auto expected = std::max_element(logits.begin(), logits.end()) - logits.begin();
    ASSERT_EQ(greedy(logits), expected) << "seed " << seed;
  }
}

TEST(Greedy, IgnoresSeedAndPosition) {
  const std::vector<float> logits = random_logits(300, 1);
  SamplingParams params;
  params.seed = 99;
  EXPECT_EQ(read_logits(logits, params, TokenHistory{}, 12).token, greedy(logits));
}

TEST(Confidence, IsTheLargestSoftmaxProbability) {
  for (const std::size_t size : {1, 7, 4096, 128256}) {
    const std::vector<float> logits = random_logits(size, 3);
    const auto probabilities = softmax(logits);
    const long double expected = *std::max_element(probabilities.begin(), probabilities.end());
    const Reading reading = read_logits(logits, SamplingParams{}, TokenHistory{}, 0);
    EXPECT_NEAR(reading.confidence / static_cast<double>(expected), 1.0, 3e-7) << size;
    EXPECT_NEAR(reading.logprob, static_cast<double>(std::log(expected)), 2e-6) << size;
  }
}

TEST(Confidence, IsStableOverALargeVocabularyOfEqualLogits) {
  const std::vector<float> logits(128256, -7.25F);
  const Reading reading = read_logits(logits, SamplingParams{}, TokenHistory{}, 0);
  EXPECT_FLOAT_EQ(reading.confidence, 1.0F / 128256.0F);
  EXPECT_FLOAT_EQ(reading.logprob, -std::log(128256.0F));
}

TEST(Confidence, SurvivesExtremeLogits) {
  EXPECT_EQ(read_logits(std::vector{-1e30F, 3e38F, 0.0F}, {}, {}, 0).confidence, 1.0F);
  EXPECT_EQ(read_logits(std::vector{-infinity, -1e30F, -infinity}, {}, {}, 0).token, 1);
  EXPECT_EQ(read_logits(std::vector{-infinity, -1e30F, -infinity}, {}, {}, 0).confidence, 1.0F);
  EXPECT_FLOAT_EQ(read_logits(std::vector{1e4F, 1e4F}, {}, {}, 0).confidence, 0.5F);
}

TEST(Confidence, MatchesTheExponentialOverItsWholeRange) {
  // Two logits a distance x apart: confidence = 1 / (1 + exp(-x)).
  for (float x = 0.0F; x < 15.0F; x += 0.00731F) {
    const float confidence = read_logits(std::vector{x, 0.0F}, {}, {}, 0).confidence;
    ASSERT_NEAR(confidence, 1.0 / (1.0 + std::exp(-static_cast<double>(x))), 1e-7) << x;
  }
}

TEST(Confidence, UsesTheRawLogitsWhateverTheParameters) {
  const std::vector<float> logits = random_logits(500, 5);
  const float raw = read_logits(logits, SamplingParams{}, TokenHistory{}, 0).confidence;
  SamplingParams params;
  params.temperature = 0.3F;
  params.top_k = 3;
  params.top_p = 0.5F;
  params.min_p = 0.2F;
  params.repetition_penalty = 1.5F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{greedy(logits)});
  EXPECT_EQ(read_logits(logits, params, history, 4).confidence, raw);
}

TEST(Logprob, IsThatOfTheChosenTokenUnderTheRawLogits) {
  const std::vector<float> logits = random_logits(300, 6);
  const auto probabilities = softmax(logits);
  SamplingParams params;
  params.temperature = 2.0F;
  params.top_k = 40;
  for (std::int64_t position = 0; position < 50; ++position) {
    const Reading reading = read_logits(logits, params, TokenHistory{}, position);
    const auto probability = probabilities[static_cast<std::size_t>(reading.token)];
    ASSERT_NEAR(reading.logprob, static_cast<double>(std::log(probability)), 3e-6);
  }
}

TEST(TopLogprobs, ListsTheMostLikelyTokensBestFirstAndTiesById) {
  std::vector<float> logits = random_logits(3000, 7);
  for (float& logit : logits) logit = std::round(logit * 4.0F) / 4.0F;
  const auto probabilities = softmax(logits);
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](TokenId a, TokenId b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  SamplingParams params;
  params.top_logprobs = 50;
  const Reading reading = read_logits(logits, params, TokenHistory{}, 0);
  ASSERT_EQ(reading.top.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(reading.top[i].token, ids[i]) << i;
    EXPECT_NEAR(reading.top[i].logprob,
                static_cast<double>(std::log(probabilities[static_cast<std::size_t>(ids[i])])),
                3e-6);
  }
  EXPECT_EQ(reading.top.front().token, reading.token);
}

TEST(TopLogprobs, ListsNoMoreThanTheVocabularyAndNothingUnasked) {
  SamplingParams params;
  EXPECT_TRUE(read_logits(std::vector{1.0F, 2.0F}, params, {}, 0).top.empty());
  params.top_logprobs = 5;
  EXPECT_EQ(read_logits(std::vector{1.0F, 2.0F}, params, {}, 0).top.size(), 2U);
}

// Penalties. Logits are chosen so that the greedy choice tells the penalised values apart.

TEST(RepetitionPenalty, DividesPositiveAndMultipliesNegativeLogitsOfPromptAndOutput) {
  SamplingParams params;
  params.repetition_penalty = 2.0F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{0});
  history.add_output(std::vector<TokenId>{1});
  EXPECT_EQ(read_logits(std::vector{8.0F, 7.9F, 3.9F}, params, history, 0).token, 0);
  EXPECT_EQ(read_logits(std::vector{8.0F, 7.9F, 4.1F}, params, history, 0).token, 2);
  EXPECT_EQ(read_logits(std::vector{-1.0F, -1.0F, -1.9F}, params, history, 0).token, 2);
  EXPECT_EQ(read_logits(std::vector{-1.0F, -1.0F, -2.1F}, params, history, 0).token, 0);
}

TEST(RepetitionPenalty, CountsATokenOnceHoweverOftenItOccurred) {
  SamplingParams params;
  params.repetition_penalty = 2.0F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{0, 0, 0});
  history.add_output(std::vector<TokenId>{0, 0});
  EXPECT_EQ(read_logits(std::vector{8.0F, 3.9F}, params, history, 0).token, 0);
}

TEST(PresencePenalty, SubtractsOnceForOutputTokensOnly) {
  SamplingParams params;
  params.presence_penalty = 1.0F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{0});
  history.add_output(std::vector<TokenId>{1, 1, 1});
  EXPECT_EQ(read_logits(std::vector{2.0F, 1.0F, 1.9F}, params, history, 0).token, 0);
  EXPECT_EQ(read_logits(std::vector{0.0F, 3.0F, 1.9F}, params, history, 0).token, 1);
  EXPECT_EQ(read_logits(std::vector{0.0F, 3.0F, 2.1F}, params, history, 0).token, 2);
}

TEST(FrequencyPenalty, SubtractsPerOccurrenceInTheOutput) {
  SamplingParams params;
  params.frequency_penalty = 0.5F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{1, 1, 1, 1});
  history.add_output(std::vector<TokenId>{1, 1});
  history.add_output(std::vector<TokenId>{1});
  EXPECT_EQ(read_logits(std::vector{1.4F, 3.0F}, params, history, 0).token, 1);
  EXPECT_EQ(read_logits(std::vector{1.6F, 3.0F}, params, history, 0).token, 0);
}

TEST(Penalties, ApplyInOrderRepetitionThenFrequencyAndPresence) {
  SamplingParams params;
  params.repetition_penalty = 2.0F;
  params.frequency_penalty = 1.0F;
  params.presence_penalty = 0.5F;
  TokenHistory history;
  history.add_output(std::vector<TokenId>{0, 0});
  // 10 / 2 - 2 * 1 - 0.5 = 2.5; subtracting first would give (10 - 2.5) / 2 = 3.75.
  EXPECT_EQ(read_logits(std::vector{10.0F, 2.6F}, params, history, 0).token, 1);
  EXPECT_EQ(read_logits(std::vector{10.0F, 2.4F}, params, history, 0).token, 0);
}

TEST(Penalties, IgnoreIdsOutsideTheVocabulary) {
  SamplingParams params;
  params.repetition_penalty = 2.0F;
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{-1, 2, std::numeric_limits<TokenId>::max()});
  EXPECT_EQ(read_logits(std::vector{1.0F, 2.0F}, params, history, 0).token, 1);
}

TEST(LogitBias, ShiftsTheChoiceAndNothingThatIsReported) {
  const std::vector logits{1.0F, 3.0F, 2.0F};
  SamplingParams params;
  params.top_logprobs = 3;
  const auto plain = read_logits(logits, params, TokenHistory{}, 0);
  params.logit_bias = {{0, 2.5F}};
  const auto biased = read_logits(logits, params, TokenHistory{}, 0);
  EXPECT_EQ(biased.token, 0);
  EXPECT_EQ(biased.confidence, plain.confidence);
  EXPECT_EQ(biased.top[0].token, 1);
  EXPECT_EQ(biased.logprob, plain.top[2].logprob);
  params.logit_bias = {{0, 1.0F}, {0, 0.5F}, {1, -100.0F}};
  EXPECT_EQ(read_logits(logits, params, TokenHistory{}, 0).token, 0) << "biases add up";
}

TEST(LogitBias, BansAndForcesTokensThatAreDrawn) {
  const std::vector<float> logits(50, 0.0F);
  SamplingParams params;
  params.temperature = 1.0F;
  params.logit_bias = {{7, -100.0F}};
  for (std::int64_t position = 0; position < 500; ++position) {
    ASSERT_NE(read_logits(logits, params, TokenHistory{}, position).token, 7);
  }
  params.logit_bias = {{7, 100.0F}};
  for (std::int64_t position = 0; position < 500; ++position) {
    ASSERT_EQ(read_logits(logits, params, TokenHistory{}, position).token, 7);
  }
}

TEST(LogitBias, GoesBeforePenaltiesAndIgnoresIdsOutsideTheVocabulary) {
  SamplingParams params;
  params.logit_bias = {{0, 2.0F}, {2, 100.0F}, {std::numeric_limits<TokenId>::max(), 100.0F}};
  params.repetition_penalty = 2.0F;
  TokenHistory history;
  history.add_output(std::vector<TokenId>{0});
  // (1 + 2) / 2 = 1.5; dividing first would give 2.5.
  EXPECT_EQ(read_logits(std::vector{1.0F, 1.6F}, params, history, 0).token, 1);
  EXPECT_EQ(read_logits(std::vector{1.0F, 1.4F}, params, history, 0).token, 0);
}

// Sampling, compared with a plain implementation of the header's words in long double.

struct Expectation {
  std::size_t token = 0;
  long double margin = 0;  // how far the uniform number is from the borders of the token's interval
};

Expectation brute_force(const std::vector<float>& logits, const SamplingParams& params,
                        const TokenHistory& history, double uniform) {
  std::vector<long double> scaled(logits.begin(), logits.end());
  for (const auto& [token, count] : history.counts()) {
    long double& logit = scaled[static_cast<std::size_t>(token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    logit -= params.frequency_penalty * static_cast<float>(count.output);
    if (count.output > 0) logit -= params.presence_penalty;
  }
  std::vector<std::size_t> ranked(logits.size());
  std::iota(ranked.begin(), ranked.end(), 0U);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&](std::size_t a, std::size_t b) { return scaled[a] > scaled[b]; });
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < ranked.size()) {
    ranked.resize(static_cast<std::size_t>(params.top_k));
  }
  const long double largest = scaled[ranked.front()];
  const auto weight = [&](std::size_t token) {
    return std::exp((scaled[token] - largest) / params.temperature);
  };
  const auto total_weight = [&] {
    return std::accumulate(ranked.begin(), ranked.end(), 0.0L,
                           [&](long double sum, std::size_t token) { return sum + weight(token); });
  };
  if (params.top_p < 1.0F) {
    const long double wanted = total_weight() * static_cast<long double>(params.top_p);
    long double sum = 0;
    std::size_t kept = 0;
    while (kept < ranked.size() && sum < wanted) sum += weight(ranked[kept++]);
    ranked.resize(kept);
  }
  std::erase_if(ranked, [&](std::size_t token) { return weight(token) < params.min_p; });
  const long double total = total_weight();
  std::sort(ranked.begin(), ranked.end());
  long double low = 0;
  for (const std::size_t token : ranked) {
    const long double high = low + weight(token) / total;
    if (uniform < high) return {token, std::min(uniform - low, high - uniform)};
    low = high;
  }
  return {ranked.back(), 0};
}

struct FilterCase {
  const char* name;
  float temperature;
  int top_k;
  float top_p;
  float min_p;
  bool penalties;
};

class FilterCombinations : public testing::TestWithParam<FilterCase> {};

TEST_P(FilterCombinations, DrawWhatAPlainImplementationDraws) {
  SamplingParams params;
  params.temperature = GetParam().temperature;
  params.top_k = GetParam().top_k;
  params.top_p = GetParam().top_p;
  params.min_p = GetParam().min_p;
  params.seed = 42;
  if (GetParam().penalties) {
    params.repetition_penalty = 1.3F;
    params.presence_penalty = 0.4F;
    params.frequency_penalty = -0.2F;
  }
  int compared = 0;
  int borderline = 0;
  for (unsigned round = 0; round < 36; ++round) {
    std::vector<float> logits = random_logits(20 + round * 37, round, 2.5F);
    if (round % 3 == 0) {  // many ties
      for (float& logit : logits) logit = std::round(logit);
    }
    TokenHistory history;
    history.add_prompt(std::vector<TokenId>{1, 5, 9});
    history.add_output(std::vector<TokenId>{5, 12, 12, 19});
    for (std::int64_t position = 0; position < 12; ++position) {
      const double uniform = counter_uniform(params.seed, static_cast<std::uint64_t>(position));
      const Expectation expected = brute_force(logits, params, history, uniform);
      ++compared;
      if (expected.margin < 1e-6L) {
        ++borderline;
        continue;
      }
      ASSERT_EQ(read_logits(logits, params, history, position).token,
                static_cast<TokenId>(expected.token))
          << "round " << round << ", position " << position;
    }
  }
  EXPECT_LT(borderline, compared / 100);
}

INSTANTIATE_TEST_SUITE_P(
    Sampling, FilterCombinations,
    testing::Values(FilterCase{"temperature_one", 1.0F, 0, 1.0F, 0.0F, false},
                    FilterCase{"hot", 3.0F, 0, 1.0F, 0.0F, false},
                    FilterCase{"cold", 0.2F, 0, 1.0F, 0.0F, false},
                    FilterCase{"top_k", 1.0F, 7, 1.0F, 0.0F, false},
                    FilterCase{"top_k_of_one", 1.0F, 1, 1.0F, 0.0F, false},
                    FilterCase{"top_k_beyond_the_vocabulary", 1.0F, 100000, 1.0F, 0.0F, false},
                    FilterCase{"top_p", 1.0F, 0, 0.9F, 0.0F, false},
                    FilterCase{"small_top_p", 1.0F, 0, 0.05F, 0.0F, false},
                    FilterCase{"large_top_p", 2.0F, 0, 0.999F, 0.0F, false},
                    FilterCase{"min_p", 1.0F, 0, 1.0F, 0.1F, false},
                    FilterCase{"min_p_of_one", 1.0F, 0, 1.0F, 1.0F, false},
                    FilterCase{"top_k_then_top_p", 1.5F, 20, 0.8F, 0.0F, false},
                    FilterCase{"everything", 0.8F, 40, 0.95F, 0.02F, true}),
    [](const auto& one) { return one.param.name; });

std::set<TokenId> support(const std::vector<float>& logits, const SamplingParams& params) {
  std::set<TokenId> drawn;
  for (std::int64_t position = 0; position < 3000; ++position) {
    drawn.insert(read_logits(logits, params, TokenHistory{}, position).token);
  }
  return drawn;
}

TEST(Filters, TopKKeepsTheLowestIdsAmongEqualLogits) {
  SamplingParams params;
  params.temperature = 1.0F;
  params.top_k = 3;
  EXPECT_THAT(support({1.0F, 2.0F, 1.0F, 1.0F, 1.0F}, params), testing::ElementsAre(0, 1, 2));
}

TEST(Filters, TopPKeepsTheTokenThatReachesTheMassAndNoOther) {
  SamplingParams params;
  params.temperature = 1.0F;
  params.top_p = 0.6F;
  // Probabilities 0.1, 0.5, 0.2, 0.2: 0.5 is not enough, 0.5 + 0.2 is, and the tie goes to id 2.
  const std::vector<float> logits{std::log(1.0F), std::log(5.0F), std::log(2.0F), std::log(2.0F)};
  EXPECT_THAT(support(logits, params), testing::ElementsAre(1, 2));
}

TEST(Filters, TopPRenormalisesWhatTopKLeft) {
  SamplingParams params;
  params.temperature = 1.0F;
  params.top_k = 2;
  params.top_p = 0.6F;
  // 0.4, 0.3, 0.3: of what top-k leaves, 0.4 / 0.7 = 0.57 is below 0.6, so both stay.
  EXPECT_THAT(support({std::log(4.0F), std::log(3.0F), std::log(3.0F)}, params),
              testing::ElementsAre(0, 1));
  params.top_p = 0.55F;
  EXPECT_THAT(support({std::log(4.0F), std::log(3.0F), std::log(3.0F)}, params),
              testing::ElementsAre(0));
}

TEST(Filters, MinPIsRelativeToTheMostLikelyTokenAfterTemperature) {
  SamplingParams params;
  params.temperature = 1.0F;
  params.min_p = 0.24F;
  const std::vector<float> logits{std::log(1.0F), std::log(4.0F), std::log(0.9F)};
  EXPECT_THAT(support(logits, params), testing::ElementsAre(0, 1));
  params.temperature = 0.5F;  // ratios become 1 : 16
  EXPECT_THAT(support(logits, params), testing::ElementsAre(1));
}

TEST(Sampling, NeverDrawsMaskedTokens) {
  std::vector<float> logits(600, -infinity);
  logits[3] = 0.0F;
  logits[599] = 0.5F;
  SamplingParams params;
  params.temperature = 1.0F;
  EXPECT_THAT(support(logits, params), testing::ElementsAre(3, 599));
  params.top_p = 0.99F;
  EXPECT_THAT(support(logits, params), testing::ElementsAre(3, 599));
  params.top_k = 10;
  EXPECT_THAT(support(logits, params), testing::ElementsAre(3, 599));
}

TEST(Sampling, ApproachesGreedyAtTinyTemperatures) {
  const std::vector<float> logits = random_logits(1000, 8);
  SamplingParams params;
  for (const float temperature : {1e-3F, 1e-30F, std::numeric_limits<float>::denorm_min()}) {
    params.temperature = temperature;
    for (std::int64_t position = 0; position < 50; ++position) {
      ASSERT_EQ(read_logits(logits, params, TokenHistory{}, position).token, greedy(logits));
    }
  }
}

TEST(Sampling, StaysInTheVocabularyOnHostileLogits) {
  SamplingParams params;
  params.temperature = 1.0F;
  params.top_k = 2;
  params.top_p = 0.5F;
  params.top_logprobs = 3;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& logits :
       {std::vector{nan, nan, nan, nan}, std::vector{-infinity, -infinity, -infinity},
        std::vector{infinity, infinity, 0.0F}, std::vector{nan, 1.0F, -infinity}}) {
    const Reading reading = read_logits(logits, params, TokenHistory{}, 1);
    EXPECT_GE(reading.token, 0);
    EXPECT_LT(reading.token, static_cast<TokenId>(logits.size()));
  }
  EXPECT_EQ(read_logits({}, params, TokenHistory{}, 1).token, 0);
}

TEST(Sampling, IsAPureFunctionOfSeedAndPosition) {
  const std::vector<float> logits = random_logits(4096, 9, 1.0F);
  SamplingParams params;
  params.temperature = 1.0F;
  params.seed = 7;
  std::vector<TokenId> forward;
  for (std::int64_t position = 0; position < 100; ++position) {
    forward.push_back(read_logits(logits, params, TokenHistory{}, position).token);
  }
  for (std::int64_t position = 99; position >= 0; --position) {
    ASSERT_EQ(read_logits(logits, params, TokenHistory{}, position).token,
              forward[static_cast<std::size_t>(position)]);
  }
  EXPECT_GT(std::set<TokenId>(forward.begin(), forward.end()).size(), 30U);
  params.seed = 8;
  int same = 0;
  for (std::int64_t position = 0; position < 100; ++position) {
    same += read_logits(logits, params, TokenHistory{}, position).token ==
                    forward[static_cast<std::size_t>(position)]
                ? 1
                : 0;
  }
  EXPECT_LT(same, 20);
}

double chi_square(const std::vector<int>& observed, const std::vector<long double>& expected) {
  const double draws = std::accumulate(observed.begin(), observed.end(), 0.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    const double mean = draws * static_cast<double>(expected[i]);
    sum += (observed[i] - mean) * (observed[i] - mean) / mean;
  }
  return sum;
}

TEST(Sampling, FollowsTheSoftmaxDistribution) {
  const std::vector<float> logits{0.0F, 1.0F, -1.0F, 2.0F, 0.5F, 0.5F, -0.5F, 1.5F};
  for (const std::uint64_t seed : {0ULL, 1ULL, 123456789ULL, ~0ULL}) {
    SamplingParams params;
    params.temperature = 1.0F;
    params.seed = seed;
    std::vector<int> observed(logits.size(), 0);
    for (std::int64_t position = 0; position < 20000; ++position) {
      const TokenId token = read_logits(logits, params, TokenHistory{}, position).token;
      ++observed[static_cast<std::size_t>(token)];
    }
    // 7 degrees of freedom: above 24.3 with probability 0.001; the seeds are fixed.
    EXPECT_LT(chi_square(observed, softmax(logits)), 24.3) << "seed " << seed;
  }
}

TEST(Sampling, FollowsTheTemperature) {
  const std::vector<float> logits{0.0F, 1.0F, -1.0F, 2.0F};
  SamplingParams params;
  params.temperature = 2.0F;
  std::vector<float> scaled;
  for (const float logit : logits) scaled.push_back(logit / 2.0F);
  std::vector<int> observed(logits.size(), 0);
  for (std::int64_t position = 0; position < 20000; ++position) {
    ++observed[static_cast<std::size_t>(read_logits(logits, params, {}, position).token)];
  }
  EXPECT_LT(chi_square(observed, softmax(scaled)), 16.3);  // 3 degrees of freedom, p = 0.001
  EXPECT_GT(chi_square(observed, softmax(logits)), 1000.0);
}

// Random numbers.

TEST(Philox, GivesTheKnownAnswersOfRandom123) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  EXPECT_EQ(
      philox4x32_10({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 0xFFFFFFFF}),
      (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(
      philox4x32_10({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}),
      (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(CounterUniform, UsesTheFirst53BitsOfThePhiloxWords) {
  // Words of counter 0 and key 0: 0x6627E8D5, 0xE169C58D.
  EXPECT_EQ(counter_uniform(0, 0),
            static_cast<double>(0xE169C58D6627E8D5ULL >> 11U) / 9007199254740992.0);
}

TEST(CounterUniform, StaysBelowOneAndFillsTheInterval) {
  std::vector<int> observed(64, 0);
  for (std::uint64_t counter = 0; counter < 64000; ++counter) {
    const double uniform = counter_uniform(5, counter);
    ASSERT_GE(uniform, 0.0);
    ASSERT_LT(uniform, 1.0);
    ++observed[static_cast<std::size_t>(uniform * 64.0)];
  }
  // 63 degrees of freedom: above 103.4 with probability 0.001.
  EXPECT_LT(chi_square(observed, std::vector<long double>(64, 1.0L / 64.0L)), 103.4);
}

TEST(CounterUniform, DependsOnAllBitsOfSeedAndCounter) {
  const double base = counter_uniform(0, 0);
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_NE(counter_uniform(1ULL << bit, 0), base);
    EXPECT_NE(counter_uniform(0, 1ULL << bit), base);
    EXPECT_NE(counter_uniform(1ULL << bit, 0), counter_uniform(0, 1ULL << bit));
  }
}

// Validation.

struct InvalidCase {
  const char* parameter;
  void (*spoil)(SamplingParams&, float);
  std::vector<float> values;
};

TEST(SamplingValidation, AcceptsDefaultsAndTheEndsOfEveryRange) {
  EXPECT_TRUE(validate(SamplingParams{}));
  SamplingParams params;
  params.temperature = 2.0F;
  params.top_k = std::numeric_limits<int>::max();
  params.top_p = 1e-6F;
  params.min_p = 1.0F;
  params.repetition_penalty = 0.01F;
  params.presence_penalty = -2.0F;
  params.frequency_penalty = 2.0F;
  params.seed = ~0ULL;
  params.top_logprobs = max_top_logprobs;
  EXPECT_TRUE(validate(params));
}

TEST(SamplingValidation, NamesTheParameterThatIsOutOfRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<InvalidCase> cases{
      {"temperature",
       [](SamplingParams& p, float v) { p.temperature = v; },
       {-0.1F, infinity, nan}},
      {"top_k", [](SamplingParams& p, float v) { p.top_k = static_cast<int>(v); }, {-1.0F}},
      {"top_p", [](SamplingParams& p, float v) { p.top_p = v; }, {0.0F, -1.0F, 1.01F, nan}},
      {"min_p", [](SamplingParams& p, float v) { p.min_p = v; }, {-0.01F, 1.01F, nan}},
      {"repetition_penalty",
       [](SamplingParams& p, float v) { p.repetition_penalty = v; },
       {0.0F, -1.0F, infinity, nan}},
      {"presence_penalty",
       [](SamplingParams& p, float v) { p.presence_penalty = v; },
       {-2.1F, 2.1F, nan}},
      {"frequency_penalty",
       [](SamplingParams& p, float v) { p.frequency_penalty = v; },
       {-2.1F, 2.1F, nan}},
      {"top_logprobs",
       [](SamplingParams& p, float v) { p.top_logprobs = static_cast<int>(v); },
       {-1.0F, 129.0F}},
      {"a bias of logit_bias",
       [](SamplingParams& p, float v) {
         p.logit_bias = {{1, v}};
       },
       {-100.5F, 100.5F, nan, infinity}},
      {"a token of logit_bias",
       [](SamplingParams& p, float v) {
         p.logit_bias = {{static_cast<TokenId>(v), 1.0F}};
       },
       {-1.0F}},
      {"the number of tokens in logit_bias",
       [](SamplingParams& p, float v) { p.logit_bias.resize(static_cast<std::size_t>(v)); },
       {1025.0F}},
  };
  for (const InvalidCase& invalid : cases) {
    for (const float value : invalid.values) {
      SamplingParams params;
      invalid.spoil(params, value);
      const auto result = validate(params);
      ASSERT_FALSE(result) << invalid.parameter << " " << value;
      EXPECT_EQ(result.error().code, ErrorCode::out_of_range);
      EXPECT_THAT(result.error().message, testing::StartsWith(invalid.parameter));
    }
  }
}

}  // namespace
}  // namespace cecollm::model
