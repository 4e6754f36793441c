#include "load/recorder.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::load {
namespace {

using model::ErrorCode;

/// How many of the likeliest tokens are looked at for ties.
constexpr int most_close = 16;

/// Runs one session through a whole engine's stages, position by position.
class Recorder {
 public:
  Recorder(model::Engine& whole, const RecordRequest& request, const Stopwatch& now)
      : whole_(whole), request_(request), now_(now) {}

  model::Result<RecordedTake> run() {
    model::SamplingParams sampling;
    sampling.top_logprobs = std::min(most_close, whole_.config().vocab_size);
    auto session = whole_.open(sampling);
    if (!session) return tl::unexpected(session.error());
    session_ = std::move(*session);
    take_.generation.prompt = request_.prompt;
    auto input = request_.prompt;
    while (true) {
      auto token = next(std::move(input));
      if (!token) return tl::unexpected(token.error());
      const auto id = token->id;
      take_.generation.tokens.push_back(*std::move(token));
      const bool ended = !request_.ignore_eos && model::is_end_of_text(whole_.config().eos, id);
      if (ended || std::cmp_greater_equal(take_.generation.tokens.size(), request_.max_tokens) ||
          session_->length() >= whole_.config().max_positions) {
        break;
      }
      input = {id};
    }
    take_.generation.rows = take_.rows;
    return std::move(take_);
  }

 private:
  /// Appends `input` and decides the token behind it. Every stage runs, as in the reference, so
  /// that a row that is asked for later is computed in the same pass.
  model::Result<RecordedToken> next(std::vector<model::TokenId> input) {
    RecordedToken token;
    const auto exits = request_.thresholds.size();
    bool decided = false;
    for (std::size_t stage = 0; stage < exits; ++stage) {
      const auto start = now_();
      const auto reading = read(stage, std::exchange(input, {}));
      if (!reading) return tl::unexpected(reading.error());
      const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now_() - start);
      if (decided) continue;
      token.exits.push_back({reading->token, reading->confidence, time});
      decided = reading->confidence >= request_.thresholds[stage];
      if (!decided) continue;
      token.head = static_cast<int>(stage);
      token.id = reading->token;
    }
    const auto final = read(exits, {});
    if (!final) return tl::unexpected(final.error());
    if (decided) return token;
    token.id = final->token;
    for (const auto& [id, logprob] : final->top) {
      const bool close = logprob >= final->top.front().logprob - reply_tolerance;
      if (close && id != token.id) token.close_ids.push_back(id);
    }
    return token;
  }

  model::Result<model::Reading> read(std::size_t stage, std::vector<model::TokenId> input) {
    model::Step step;
    step.session = session_.get();
    if (!input.empty()) step.input = std::move(input);
    step.read = {stage};
    auto result = std::move(whole_.run({&step, 1}).front());
    if (!result) return tl::unexpected(result.error());
    if (const auto& rows = result->rows; rows.count > 0) {
      take_.rows.insert(take_.rows.end(), rows.bytes->begin(), rows.bytes->end());
    }
    return std::move(result->readings.front());
  }

  model::Engine& whole_;
  const RecordRequest& request_;
  const Stopwatch& now_;
  std::unique_ptr<model::Session> session_;
  RecordedTake take_;
};

}  // namespace

model::Result<RecordedTake> record_generation(model::Engine& whole, const RecordRequest& request,
                                              const Stopwatch& now) {
  const auto& stages = whole.stages();
  if (stages.size() < 2 || stages.back().head.kind != model::StageHead::Kind::final ||
      stages.size() != request.thresholds.size() + 1) {
    return model::fail(ErrorCode::mismatch,
                       "a recording needs a whole model with early exits and a threshold for each");
  }
  if (request.prompt.empty() || request.max_tokens < 1) {
    return model::fail(ErrorCode::out_of_range,
                       "a recording needs a prompt and at least one token to generate");
  }
  return Recorder(whole, request, now).run();
}

}  // namespace cecollm::load
