#include "load/recording.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cecollm::load {
namespace {

using model::ErrorCode;

bool in_vocabulary(model::TokenId id, const RecordedModel& model) {
  return id >= 0 && id < model.vocab_size;
}

bool all_in_vocabulary(const std::vector<model::TokenId>& ids, const RecordedModel& model) {
  return std::ranges::all_of(ids, [&](model::TokenId id) { return in_vocabulary(id, model); });
}

/// What is wrong with a token, or nothing: an edge that is told these readings must come to the
/// recorded head.
std::string problem_of(const RecordedToken& token, const RecordedModel& model) {
  const auto exits = model.thresholds.size();
  if (token.head < model::final_head || std::cmp_greater_equal(token.head, exits)) {
    return "a token is of exit " + std::to_string(token.head + 1) + " of " + std::to_string(exits);
  }
  const bool final = token.head == model::final_head;
  const auto wanted = final ? exits : static_cast<std::size_t>(token.head) + 1;
  if (token.exits.size() != wanted) return "the exits that were read do not lead to the token";
  for (std::size_t exit = 0; exit < wanted; ++exit) {
    const auto& reading = token.exits[exit];
    if (!in_vocabulary(reading.token, model)) return "an id is outside the vocabulary";
    if (!std::isfinite(reading.confidence)) return "a confidence is no number";
    const bool sure = reading.confidence >= model.thresholds[exit];
    if (sure != (!final && exit + 1 == wanted)) {
      return "an exit's confidence and the threshold do not give the token's source";
    }
  }
  if (!final && token.exits.back().token != token.id) {
    return "a token is not the one that its exit read";
  }
  if (!in_vocabulary(token.id, model) || !all_in_vocabulary(token.close_ids, model)) {
    return "an id is outside the vocabulary";
  }
  return {};
}

std::string problem_of(const RecordedGeneration& generation, const RecordedModel& model) {
  if (generation.prompt.empty() || generation.tokens.empty()) {
    return "the prompt or the answer is empty";
  }
  const auto positions = generation.prompt.size() + generation.tokens.size() - 1;
  if (std::cmp_greater(positions, model.max_positions)) {
    return "it has " + std::to_string(positions) + " positions, the model at most " +
           std::to_string(model.max_positions);
  }
  if (generation.rows.size() != positions * model.codec->row_bytes(model.hidden_size)) {
    return "its rows are not as many as its positions";
  }
  if (!all_in_vocabulary(generation.prompt, model)) return "an id is outside the vocabulary";
  for (const auto& token : generation.tokens) {
    if (auto problem = problem_of(token, model); !problem.empty()) return problem;
  }
  return {};
}

}  // namespace

model::ModelConfig config_of(const RecordedModel& recorded) {
  model::ModelConfig config;
  config.hidden_size = recorded.hidden_size;
  config.num_layers = recorded.num_layers;
  config.vocab_size = recorded.vocab_size;
  config.max_positions = recorded.max_positions;
  config.eos = recorded.eos;
  config.exits = model::EarlyExits{recorded.identity.exit_layers, {}};
  return config;
}

model::Result<Recording> Recording::of(RecordedModel recorded,
                                       std::vector<RecordedGeneration> generations,
                                       std::shared_ptr<const void> owner) {
  Recording recording;
  recording.model_ = std::move(recorded);
  recording.generations_ = std::move(generations);
  recording.owner_ = std::move(owner);
  if (recording.generations_.empty()) {
    return model::fail(ErrorCode::malformed, "there is no generation in it");
  }
  for (std::size_t i = 0; i < recording.generations_.size(); ++i) {
    const auto& generation = recording.generations_[i];
    auto problem = problem_of(generation, recording.model_);
    if (problem.empty() && !recording.by_prompt_.emplace(generation.prompt, i).second) {
      problem = "its prompt was recorded before";
    }
    if (problem.empty()) continue;
    return model::fail(ErrorCode::malformed, "generation " + std::to_string(i) + ": " + problem);
  }
  return recording;
}

const RecordedGeneration* Recording::find(const std::vector<model::TokenId>& prompt) const {
  const auto found = by_prompt_.find(prompt);
  return found == by_prompt_.end() ? nullptr : &generations_[found->second];
}

model::Rows Recording::rows_of(const RecordedGeneration& generation, std::size_t first,
                               std::size_t count) const {
  const auto row_bytes = model_.codec->row_bytes(model_.hidden_size);
  const auto bytes = generation.rows.subspan(first * row_bytes, count * row_bytes);
  return {static_cast<std::int64_t>(count), model_.codec,
          std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end()), 0};
}

}  // namespace cecollm::load
