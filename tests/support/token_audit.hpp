#pragma once
// Whether every token of a generation is right for the source it names, whatever befell the link:
// recomputed with the whole model on the prefix that was really emitted.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/engine.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/watched.hpp"

namespace cecollm::tests {

/// All heads' readings, exits first, for each token on the prefix before it.
inline std::vector<std::vector<model::Reading>> readings_of(const FakeModel& model,
                                                            const Watched& watched) {
  FakeEngine whole(model, model::Part::whole);
  const auto session = *whole.open(watched.request.sampling);
  model::Step step;
  step.session = session.get();
  step.input = std::get<std::vector<model::TokenId>>(watched.request.prompt);
  step.prompt_history = std::get<std::vector<model::TokenId>>(watched.request.prompt);
  for (std::size_t stage = 0; stage < whole.stages().size(); ++stage) step.read.push_back(stage);
  std::vector<std::vector<model::Reading>> readings;
  for (const auto& token : watched.tokens) {
    readings.push_back((*whole.run(std::span(&step, 1)).front()).readings);
    step.input = std::vector<model::TokenId>{token.event.token};
    step.prompt_history.clear();
    step.output_history = {token.event.token};
  }
  return readings;
}

/// The mode in which a token was decided. One that waited for the cloud when the mode changed still
/// belongs to the mode before. Empty where the client hung up and never heard.
inline std::optional<policy::Mode> mode_of_token(const Watched& watched,
                                                 const actors::TokenEvent& token) {
  if (!watched.end) return std::nullopt;
  auto mode = watched.request.mode;
  const bool of_an_ask = token.source.kind == policy::Source::Kind::cloud ||
                         token.source.kind == policy::Source::Kind::fallback;
  for (const auto& change : watched.end->mode_switches) {
    if (change.index < token.index || (change.index == token.index && !of_an_ask)) {
      mode = change.mode;
    }
  }
  return mode;
}

inline void expect_right_tokens(const FakeModel& model, const Watched& watched) {
  using Kind = policy::Source::Kind;
  const bool streamed = watched.request.mode == policy::Mode::cloud_only;
  const auto& thresholds = watched.request.thresholds.values;
  const auto readings = readings_of(model, watched);
  for (std::size_t i = 0; i < watched.tokens.size(); ++i) {
    const auto& token = watched.tokens[i].event;
    SCOPED_TRACE("token " + std::to_string(i) + " from " + policy::name_of(token.source));
    ASSERT_EQ(token.index, static_cast<std::int64_t>(i));
    std::size_t sure = 0;  // the first exit that is
    while (sure < thresholds.size() && readings[i][sure].confidence < thresholds[sure]) {
      ++sure;
    }
    std::size_t head = 0;
    switch (token.source.kind) {
      case Kind::exit:
        if (mode_of_token(watched, token).value_or(policy::Mode::standalone) ==
            policy::Mode::standalone) {
          sure = std::min(sure, thresholds.size() - 1);
        }
        EXPECT_EQ(token.source.exit, sure);
        head = token.source.exit;
        break;
      case Kind::cloud:
        EXPECT_TRUE(streamed || sure == thresholds.size()) << "an exit was sure";
        head = thresholds.size();
        break;
      case Kind::fallback:
        EXPECT_FALSE(streamed) << "a stream has no asks";
        EXPECT_EQ(sure, thresholds.size()) << "an exit was sure";
        EXPECT_EQ(token.source.exit, thresholds.size() - 1);
        head = token.source.exit;
        break;
      default:
        ADD_FAILURE() << "no source of a generation with a cloud";
    }
    ASSERT_LT(head, readings[i].size());
    EXPECT_EQ(token.token, readings[i][head].token);
    EXPECT_EQ(token.confidence, readings[i][head].confidence);
    EXPECT_EQ(token.logprob, readings[i][head].logprob);
  }
}

/// It came to its end, with all its tokens, and each in time: the deadline, and what the edge
/// itself computes meanwhile.
inline void expect_complete_in_time(const Watched& watched, const model::ModelConfig& config,
                                    SteppedTime::Duration computing = {}) {
  ASSERT_TRUE(watched.end.has_value()) << "it has not ended";
  const auto& end = *watched.end;
  EXPECT_EQ(end.error, "");
  ASSERT_FALSE(watched.tokens.empty());
  if (end.reason == actors::FinishReason::end_of_text) {
    EXPECT_FALSE(watched.request.ignore_eos);
    EXPECT_TRUE(model::is_end_of_text(config.eos, watched.tokens.back().event.token));
  } else {
    EXPECT_EQ(name_of(end.reason), name_of(actors::FinishReason::length));
    EXPECT_EQ(watched.tokens.size(), static_cast<std::size_t>(watched.request.max_tokens));
  }
  EXPECT_EQ(end.completion_tokens, static_cast<std::int64_t>(watched.tokens.size()));
  EXPECT_EQ(end.counts.total(), end.completion_tokens);
  auto before = watched.started;
  auto limit = watched.request.first_token_deadline;
  for (const auto& token : watched.tokens) {
    EXPECT_LE(token.at - before, limit + computing) << "token " << token.event.index;
    before = token.at;
    limit = watched.request.token_deadline;
  }
}

/// Its client left before its end: it is gone as soon as the edge has computed what it was at.
inline void expect_gone_in_time(const Watched& watched, SteppedTime::Duration computing) {
  ASSERT_TRUE(watched.gone.has_value()) << "it has not ended";
  EXPECT_LE(*watched.gone - *watched.left, computing);
  if (!watched.end) return;  // nobody was there any more to hear
  EXPECT_EQ(watched.end->error, "");
  EXPECT_EQ(watched.end->completion_tokens, static_cast<std::int64_t>(watched.tokens.size()));
}

/// The tokens and sources of one process that runs all layers: no fallback.
inline void expect_undisturbed(const FakeModel& model, const Watched& watched) {
  expect_right_tokens(model, watched);
  ASSERT_TRUE(watched.end.has_value());
  for (const auto& change : watched.end->mode_switches) {
    ADD_FAILURE() << "went " << policy::name_of(change.mode) << " at token " << change.index << ": "
                  << policy::name_of(change.reason);
  }
  EXPECT_EQ(watched.end->counts.fallback(), 0) << watched.end->warning;
  EXPECT_EQ(watched.end->warning, "");
  const auto rows = watched.end->upload.rows_up;
  if (watched.request.mode == policy::Mode::cloud_only) {
    EXPECT_EQ(rows, 0U);
    EXPECT_EQ(watched.end->counts.cloud(), watched.end->counts.total());
    return;
  }
  const auto& prompt = std::get<std::vector<model::TokenId>>(watched.request.prompt);
  EXPECT_EQ(rows, prompt.size() + watched.tokens.size() - 1);
}

}  // namespace cecollm::tests
