#include "bench/paper/replayed_exits.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"

namespace cecollm::bench {
namespace {

using tests::fake_model;
using tests::FakeEngine;

std::shared_ptr<model::Engine> replaying(double request_rate, double first_exit,
                                         std::uint64_t seed = 1) {
  return with_replayed_exits(std::make_shared<FakeEngine>(fake_model(), model::Part::edge),
                             {request_rate, first_exit, seed});
}

/// The confidences of both exits over `count` positions after `prompt`.
std::vector<std::pair<float, float>> confidences(model::Engine& engine, model::TokenId prompt,
                                                 int count) {
  const auto session = *engine.open({});
  std::vector<std::pair<float, float>> read;
  for (int i = 0; i < count; ++i) {
    model::Step step;
    step.session = session.get();
    step.input = std::vector<model::TokenId>{i == 0 ? prompt : 7};
    step.read = {0, 1};
    const auto result = std::move(engine.run(std::span(&step, 1)).front());
    read.emplace_back(result->readings[0].confidence, result->readings[1].confidence);
  }
  return read;
}

TEST(ReplayedExits, AreUnsureAsOftenAsStated) {
  const auto engine = replaying(0.4958, 0.75);
  int asked = 0;
  int first = 0;
  int positions = 0;
  for (model::TokenId prompt = 3; prompt < 23; ++prompt) {
    for (const auto& [one, two] : confidences(*engine, prompt, 400)) {
      EXPECT_TRUE((one == 0 || one == 1) && (two == 0 || two == 1));
      ++positions;
      asked += one == 0 && two == 0 ? 1 : 0;
      first += one == 1 ? 1 : 0;
    }
  }
  // Four standard deviations of 8,000 draws are 0.022.
  EXPECT_NEAR(static_cast<double>(asked) / positions, 0.4958, 0.022);
  EXPECT_NEAR(static_cast<double>(first) / positions, 0.5042 * 0.75, 0.022);
}

TEST(ReplayedExits, AreSureOrUnsureAlwaysAtTheEndsOfTheScale) {
  for (const auto& [one, two] : confidences(*replaying(1, 1), 5, 100)) EXPECT_EQ(one + two, 0);
  for (const auto& [one, two] : confidences(*replaying(0, 1), 5, 100)) EXPECT_EQ(one, 1);
  for (const auto& [one, two] : confidences(*replaying(0, 0), 5, 100)) {
    EXPECT_EQ(one, 0);
    EXPECT_EQ(two, 1);
  }
}

TEST(ReplayedExits, DecideTheSameForTheSamePromptAndSeed) {
  const auto engine = replaying(0.5, 0.5);
  const auto once = confidences(*engine, 5, 200);
  EXPECT_EQ(confidences(*engine, 5, 200), once);
  EXPECT_NE(confidences(*engine, 6, 200), once);
  EXPECT_NE(confidences(*replaying(0.5, 0.5, 2), 5, 200), once);
}

TEST(ReplayedExits, LeaveTheTokensAsTheyAre) {
  const auto token_of = [](model::Engine& engine) {
    const auto session = *engine.open({});
    model::Step step;
    step.session = session.get();
    step.input = std::vector<model::TokenId>{5, 6};
    step.read = {0, 1};
    const auto result = std::move(engine.run(std::span(&step, 1)).front());
    return std::pair(result->readings[0].token, result->readings[1].token);
  };
  FakeEngine plain(fake_model(), model::Part::edge);
  EXPECT_EQ(token_of(*replaying(0.5, 0.5)), token_of(plain));
}

}  // namespace
}  // namespace cecollm::bench
