#include "tests/support/fake_engine.hpp"

#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::FakeEngine;
using tests::succeeded;

const std::vector<TokenId> start{1, 5, 9, 20};

std::unique_ptr<Session> open(Engine& engine, const SamplingParams& sampling = {}) {
  auto session = engine.open(sampling);
  EXPECT_TRUE(succeeded(session));
  return *std::move(session);
}

Result<StepResult> run(Engine& engine, Session& session, decltype(Step::input) input,
                       std::vector<std::size_t> read) {
  Step step;
  step.session = &session;
  step.input = std::move(input);
  step.read = std::move(read);
  return std::move(engine.run({&step, 1}).front());
}

TEST(FakeEngine, EdgeAndCloudTogetherSayWhatTheWholeSays) {
  const auto fake = tests::fake_model();
  FakeEngine whole(fake, Part::whole);
  FakeEngine edge(fake, Part::edge);
  FakeEngine cloud(fake, Part::cloud);
  const auto whole_session = open(whole);
  const auto edge_session = open(edge);
  const auto cloud_session = open(cloud);
  std::vector<TokenId> next = start;
  for (int i = 0; i < 40; ++i) {
    const auto all = run(whole, *whole_session, next, {0, 1, 2});
    const auto exits = run(edge, *edge_session, next, {0, 1});
    ASSERT_TRUE(succeeded(all));
    ASSERT_TRUE(succeeded(exits));
    const auto final = run(cloud, *cloud_session, exits->rows, {0});
    ASSERT_TRUE(succeeded(final));
    EXPECT_EQ(all->readings[0].token, exits->readings[0].token);
    EXPECT_EQ(all->readings[1].token, exits->readings[1].token);
    EXPECT_EQ(all->readings[2].token, final->readings[0].token);
    EXPECT_EQ(all->readings[2].confidence, final->readings[0].confidence);
    next = {all->readings[2].token};
  }
}

TEST(FakeEngine, LaterStagesWaitUntilTheyAreRead) {
  FakeEngine edge(tests::fake_model(), Part::edge);
  const auto session = open(edge);
  ASSERT_TRUE(succeeded(run(edge, *session, start, {0})));
  EXPECT_EQ(session->stage_length(0), 4);
  EXPECT_EQ(session->stage_length(1), 0);
  EXPECT_GT(session->pending_bytes(), 0);
  ASSERT_TRUE(succeeded(run(edge, *session, {}, {1})));
  EXPECT_EQ(session->stage_length(1), 4);
  EXPECT_EQ(session->pending_bytes(), 0);
}

TEST(FakeEngine, WaitingRowsRunInPieces) {
  FakeEngine edge(tests::fake_model(), Part::edge);
  const auto session = open(edge);
  ASSERT_TRUE(succeeded(run(edge, *session, start, {0})));
  Step step;
  step.session = session.get();
  step.piece = {1, 3};
  ASSERT_TRUE(succeeded(edge.run({&step, 1}).front()));
  EXPECT_EQ(session->stage_length(1), 3);
  EXPECT_TRUE(fails_with(edge.run({&step, 1}).front(), ErrorCode::out_of_range, {}))
      << "one is left";
  ASSERT_TRUE(succeeded(run(edge, *session, {}, {1})));
  EXPECT_EQ(session->stage_length(1), 4);
}

TEST(FakeEngine, TruncatedTextRedoneGivesTheSameReading) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const auto session = open(whole);
  const auto first = run(whole, *session, start, {2});
  ASSERT_TRUE(succeeded(first));
  session->truncate(2);
  EXPECT_TRUE(fails_with(run(whole, *session, {}, {2}), ErrorCode::out_of_range, {}));
  const auto again = run(whole, *session, std::vector<TokenId>{9, 20}, {2});
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(first->readings[0].token, again->readings[0].token);
}

TEST(FakeEngine, RefusesWhatTheContractForbidsAndKeepsTheSession) {
  auto fake = tests::fake_model();
  fake.config.max_positions = 6;
  FakeEngine edge(fake, Part::edge);
  FakeEngine cloud(fake, Part::cloud);
  const auto session = open(edge);
  EXPECT_TRUE(fails_with(run(edge, *session, std::vector<TokenId>{64}, {0}),
                         ErrorCode::out_of_range, {"64"}));
  EXPECT_TRUE(fails_with(run(edge, *session, std::vector<TokenId>(7, 1), {0}),
                         ErrorCode::out_of_range, {"positions"}));
  EXPECT_TRUE(fails_with(run(edge, *session, start, {2}), ErrorCode::out_of_range, {}));
  EXPECT_TRUE(fails_with(run(edge, *session, Rows{}, {0}), ErrorCode::mismatch, {}));
  EXPECT_TRUE(fails_with(run(edge, *session, {}, {0}), ErrorCode::out_of_range, {}));
  EXPECT_TRUE(fails_with(run(cloud, *session, {}, {}), ErrorCode::mismatch, {}));
  const auto cloud_session = open(cloud);
  const Rows torn{.count = 1, .bytes = std::make_shared<std::vector<std::byte>>(3)};
  EXPECT_TRUE(fails_with(run(cloud, *cloud_session, torn, {0}), ErrorCode::mismatch, {}));
  edge.inject = [](const Step&) {
    return Error{ErrorCode::non_finite, "injected"};
  };
  EXPECT_TRUE(fails_with(run(edge, *session, start, {0}), ErrorCode::non_finite, {"injected"}));
  EXPECT_EQ(session->length(), 0);
  EXPECT_EQ(session->kv_bytes(), 0);
  edge.inject = nullptr;
  EXPECT_TRUE(succeeded(run(edge, *session, start, {0})));
}

TEST(FakeEngine, SamplingDrawsTheSameTokensWithTheSameSeed) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  SamplingParams sampling;
  sampling.temperature = 3.0F;
  const auto draw = [&](std::uint64_t seed) {
    sampling.seed = seed;
    const auto session = open(whole, sampling);
    std::vector<TokenId> tokens;
    std::vector<TokenId> next = start;
    for (int i = 0; i < 20; ++i) {
      const auto result = run(whole, *session, next, {2});
      EXPECT_TRUE(succeeded(result));
      tokens.push_back(result->readings[0].token);
      next = {tokens.back()};
    }
    return tokens;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
  sampling.temperature = -1.0F;
  EXPECT_TRUE(fails_with(whole.open(sampling), ErrorCode::out_of_range, {"temperature"}));
}

}  // namespace
}  // namespace cecollm::model
