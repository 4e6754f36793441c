#pragma once
// From logits to a token. Every side of the cut gets the same token from the same logits: the
// random number is a function of (seed, position) and the inverse CDF runs in token-id order.
//
// Order of operations (that of Hugging Face's logits warpers): bias; repetition, then frequency and
// presence penalty; temperature; top-k; top-p over what top-k left, renormalised; min-p relative to
// the most likely token; draw. Equal logits rank by id, lowest first, so top-k keeps exactly k
// tokens and top-p the smallest set of most likely tokens whose probability reaches top_p.
// Confidence and log-probabilities are those of the raw logits, before all of this.

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::model {

/// The most alternatives that a Reading may list.
inline constexpr int max_top_logprobs = 128;

/// The most tokens whose logits a request may shift.
inline constexpr std::size_t max_logit_biases = 1024;

struct LogitBias {
  TokenId token = 0;  // ids outside the vocabulary are ignored
  float bias = 0.0F;  // in [-100, 100]; added to the logit
  friend bool operator==(const LogitBias&, const LogitBias&) = default;
};

struct SamplingParams {
  float temperature = 0.0F;         // >= 0; 0 is greedy: the lowest id among the largest logits
  int top_k = 0;                    // >= 0; 0 is off
  float top_p = 1.0F;               // in (0, 1]; 1 is off
  float min_p = 0.0F;               // in [0, 1]; 0 is off
  float repetition_penalty = 1.0F;  // > 0; over prompt and output (as Hugging Face)
  float presence_penalty = 0.0F;    // in [-2, 2]; over output (as OpenAI)
  float frequency_penalty = 0.0F;   // in [-2, 2]; over output (as OpenAI)
  std::uint64_t seed = 0;
  int top_logprobs = 0;  // how many alternatives a Reading lists, at most max_top_logprobs
  std::vector<LogitBias> logit_bias{};  // at most max_logit_biases; those of a token add up
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

/// Draws the token for `position` (the index it will have in the sequence). `logits` has one value
/// per token id, is not empty, and holds no NaN nor +infinity (the engine's business); -infinity
/// masks a token. `params` are valid. Ids of `history` outside the vocabulary are ignored.
Reading read_logits(std::span<const float> logits, const SamplingParams& params,
                    const TokenHistory& history, std::int64_t position);

/// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four
/// random words, a pure function of counter and key.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// Uniform in [0, 1) with 53 random bits: Philox keyed by `seed` at `counter`.
double counter_uniform(std::uint64_t seed, std::uint64_t counter);

}  // namespace cecollm::model
