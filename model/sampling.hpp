#pragma once
// From logits to a token. Every side of the cut gets the same token from the same logits: the
// random number is a function of (seed, position) and the inverse CDF runs in token-id order.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::model {

struct SamplingParams {
  float temperature = 0.0F;  // 0 is greedy: the lowest id among the largest logits
  int top_k = 0;             // 0 is off
  float top_p = 1.0F;
  float min_p = 0.0F;
  float repetition_penalty = 1.0F;  // over prompt and output (as Hugging Face)
  float presence_penalty = 0.0F;    // over output (as OpenAI)
  float frequency_penalty = 0.0F;   // over output (as OpenAI)
  std::uint64_t seed = 0;
  int top_logprobs = 0;  // how many alternatives a Reading lists
  bool has_penalties() const {
    return repetition_penalty != 1.0F || presence_penalty != 0.0F || frequency_penalty != 0.0F;
  }
};

/// Checks ranges; the message names the offending parameter.
Result<void> validate(const SamplingParams& params);

/// The ids that penalties look at.
class TokenHistory {
 public:
  void add_prompt(std::span<const TokenId> ids);
  void add_output(std::span<const TokenId> ids);
  struct Count {
    std::int32_t prompt = 0;
    std::int32_t output = 0;
  };
  const std::unordered_map<TokenId, Count>& counts() const { return counts_; }

 private:
  std::unordered_map<TokenId, Count> counts_;
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0.0F;
};

/// What one head says about the next token at one position.
struct Reading {
  TokenId token = 0;
  float confidence = 0.0F;        // largest softmax probability of the raw logits
  float logprob = 0.0F;           // of `token` under the raw logits
  std::vector<TokenLogprob> top;  // the most likely tokens under the raw logits, best first
};

/// Draws the token for `position` (the index it will have in the sequence).
Reading read_logits(std::span<const float> logits, const SamplingParams& params,
                    const TokenHistory& history, std::int64_t position);

/// Uniform in [0, 1), a pure function of its arguments (counter-based: Philox 4x32-10, Salmon et
/// al., SC 2011).
double counter_uniform(std::uint64_t seed, std::uint64_t counter);

}  // namespace cecollm::model
