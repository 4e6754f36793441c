#pragma once
// The single-process reference: runs all layers for every token and applies the algorithm's rule to
// the heads' readings. `cecollm generate --mode full`, and what every parity test compares with.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/engine.hpp"

namespace cecollm::model {

/// Index of the head that gave a token: 0-based exit, or `final_head`.
inline constexpr int final_head = -1;

struct ReferenceToken {
  TokenId id = 0;
  int head = final_head;
  float confidence = 0.0F;  // of the head that gave it
  float logprob = 0.0F;
  std::vector<TokenLogprob> top;
};

struct ReferenceRequest {
  std::vector<TokenId> prompt;
  int max_tokens = 0;
  /// Threshold per exit; empty: plain model, only the final head.
  std::vector<float> thresholds;
  /// Never ask the final head: below every threshold the last exit gives the token.
  bool standalone = false;
  bool ignore_eos = false;
  SamplingParams sampling;
  /// Called after each token; false ends the generation (stop strings, cancel).
  std::function<bool(const ReferenceToken&)> on_token;
};

/// Generates with a whole engine, every head read at every position. An end-of-text token is
/// emitted, counted and ends the text; so does the model's last position, whose token is still
/// emitted.
Result<std::vector<ReferenceToken>> run_reference(Engine& whole, const ReferenceRequest& request);

}  // namespace cecollm::model
