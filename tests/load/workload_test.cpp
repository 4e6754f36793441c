#include "load/workload.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::load {
namespace {

using testing::HasSubstr;

std::vector<std::int64_t> draws(const std::string& text, std::int64_t most, int count = 5000) {
  const auto lengths = parse_length_distribution(text);
  EXPECT_TRUE(lengths) << text;
  std::mt19937_64 random(1);
  std::vector<std::int64_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(lengths->draw(random, most));
  return drawn;
}

double mean(const std::vector<std::int64_t>& values) {
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

TEST(LengthDistribution, DrawsAsItsTextSays) {
  EXPECT_EQ(draws("128", 500, 1).front(), 128);
  const auto uniform = draws("uniform:16:19", 500);
  EXPECT_EQ(std::set(uniform.begin(), uniform.end()), (std::set<std::int64_t>{16, 17, 18, 19}));
  EXPECT_NEAR(mean(draws("normal:128:32", 500)), 128, 2);
  EXPECT_NEAR(mean(draws("exponential:50", 100000)), 50, 3);
  auto lognormal = draws("lognormal:96:0.7", 100000);
  std::ranges::sort(lognormal);
  EXPECT_NEAR(static_cast<double>(lognormal[lognormal.size() / 2]), 96, 4);
}

TEST(LengthDistribution, StaysBetweenOneAndTheMost) {
  for (const auto* text : {"500", "uniform:1:1000", "normal:10:100", "lognormal:50:3",
                           "exponential:1000", "normal:5:0", "lognormal:5:0"}) {
    for (const auto length : draws(text, 40, 500)) {
      ASSERT_GE(length, 1) << text;
      ASSERT_LE(length, 40) << text;
    }
  }
  EXPECT_EQ(draws("5", 0, 1).front(), 1);
}

TEST(LengthDistribution, RefusesWhatIsNoLength) {
  for (const auto* text :
       {"", "x", "0", "-5", "uniform:5", "uniform:9:5", "normal", "normal:1:2:3", "gamma:1:2",
        "exponential:0", "128x", "nan", "uniform:1:inf", "1e9", ":", "uniform::5", "5:5"}) {
    const auto lengths = parse_length_distribution(text);
    ASSERT_FALSE(lengths) << text;
    EXPECT_THAT(lengths.error().message, HasSubstr("such as 128")) << text;
  }
}

const std::vector<LoadPrompt> three{{{1}, 10}, {{2}, 20}, {{3}, 30}};

TEST(Workload, TakesEveryPromptOnceBeforeAnyComesAgain) {
  for (const bool shuffled : {false, true}) {
    Workload workload(three, std::nullopt, shuffled, 5);
    for (int round = 0; round < 10; ++round) {
      std::set<std::size_t> seen;
      for (int i = 0; i < 3; ++i) {
        const auto next = workload.next();
        EXPECT_EQ(next.max_tokens, three[next.prompt].most_tokens);
        if (!shuffled) {
          EXPECT_EQ(next.prompt, static_cast<std::size_t>(i));
        }
        seen.insert(next.prompt);
      }
      EXPECT_EQ(seen.size(), 3U);
    }
  }
}

TEST(Workload, DrawsLengthsWithinWhatAPromptMayAskFor) {
  Workload workload(three, *parse_length_distribution("uniform:15:100"), true, 5);
  for (int i = 0; i < 100; ++i) {
    const auto next = workload.next();
    EXPECT_LE(next.max_tokens, three[next.prompt].most_tokens);
    EXPECT_GE(next.max_tokens, std::min<std::int64_t>(15, three[next.prompt].most_tokens));
  }
}

TEST(Workload, IsAFunctionOfItsSeed) {
  const auto prompts = [](std::uint64_t seed) {
    Workload workload(three, *parse_length_distribution("uniform:1:30"), true, seed);
    std::vector<std::pair<std::size_t, std::int64_t>> order;
    for (int i = 0; i < 30; ++i) {
      const auto next = workload.next();
      order.emplace_back(next.prompt, next.max_tokens);
    }
    return order;
  };
  EXPECT_EQ(prompts(1), prompts(1));
  EXPECT_NE(prompts(1), prompts(2));
}

}  // namespace
}  // namespace cecollm::load
