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

/// What may have been made of a token's readings at its exits. Where its edge's settings changed
/// while it was decided, either the old or the new ones held at each exit.
class ExitAudit {
 public:
  ExitAudit(std::vector<model::Reading> readings, std::vector<actors::GenerationRequest> requests)
      : readings_(std::move(readings)), requests_(std::move(requests)) {}
  std::size_t exits() const { return requests_.front().thresholds.values.size(); }
  bool may_be_sure(std::size_t exit) const {
    return std::ranges::any_of(requests_, [&](const auto& request) {
      return readings_[exit].confidence >= request.thresholds.values[exit];
    });
  }
  /// None of the exits before `exit` was sure.
  bool may_reach(std::size_t exit) const {
    for (std::size_t before = 0; before < exit; ++before) {
      const bool may_be_unsure = std::ranges::any_of(requests_, [&](const auto& request) {
        return readings_[before].confidence < request.thresholds.values[before];
      });
      if (!may_be_unsure) return false;
    }
    return true;
  }

 private:
  std::vector<model::Reading> readings_;
  std::vector<actors::GenerationRequest> requests_;
};

inline void expect_right_tokens(const FakeModel& model, const Watched& watched) {
  using Kind = policy::Source::Kind;
  const bool streamed = watched.request.mode == policy::Mode::cloud_only;
  const auto readings = readings_of(model, watched);
  auto before = watched.started;
  for (std::size_t i = 0; i < watched.tokens.size(); ++i) {
    const auto& [token, at] = watched.tokens[i];
    SCOPED_TRACE("token " + std::to_string(i) + " from " + policy::name_of(token.source));
    ASSERT_EQ(token.index, static_cast<std::int64_t>(i));
    const ExitAudit audit(readings[i], requests_between(watched, before, at));
    before = at;
    const bool alone = mode_of_token(watched, token).value_or(policy::Mode::standalone) ==
                       policy::Mode::standalone;
    std::size_t head = 0;
    switch (token.source.kind) {
      case Kind::exit:
        ASSERT_LT(token.source.exit, audit.exits());
        EXPECT_TRUE(audit.may_reach(token.source.exit)) << "an earlier exit was sure";
        EXPECT_TRUE(audit.may_be_sure(token.source.exit) ||
                    (alone && token.source.exit == audit.exits() - 1))
            << "the exit was not sure";
        head = token.source.exit;
        break;
      case Kind::cloud:
        EXPECT_TRUE(streamed || audit.may_reach(audit.exits())) << "an exit was sure";
        head = audit.exits();
        break;
      case Kind::fallback:
        EXPECT_FALSE(streamed) << "a stream has no asks";
        EXPECT_TRUE(audit.may_reach(audit.exits())) << "an exit was sure";
        EXPECT_EQ(token.source.exit, audit.exits() - 1);
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
  for (const auto& token : watched.tokens) {
    std::chrono::milliseconds limit{0};
    for (const auto& request : requests_between(watched, before, token.at)) {
      limit = std::max(
          limit, token.event.index == 0 ? request.first_token_deadline : request.token_deadline);
    }
    EXPECT_LE(token.at - before, limit + computing) << "token " << token.event.index;
    before = token.at;
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
  const auto rows = watched.end->upload.rows_up + watched.end->upload.rows_queued;
  if (watched.request.mode == policy::Mode::cloud_only) {
    EXPECT_EQ(rows, 0U);
    EXPECT_EQ(watched.end->counts.cloud(), watched.end->counts.total());
    return;
  }
  const auto& prompt = std::get<std::vector<model::TokenId>>(watched.request.prompt);
  // A context that was opened again for a short turn may leave its rows to the next.
  if (watched.end->resumed_tokens > 0) return;
  EXPECT_EQ(rows, prompt.size() + watched.tokens.size() - 1);
}

}  // namespace cecollm::tests
