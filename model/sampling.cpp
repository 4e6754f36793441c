#include "model/sampling.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>

namespace cecollm::model {
namespace {

// Sums and maxima run over blocks of this many logits; within a block, `lanes` independent partial
// results let the compiler use vector registers without reassociating anything itself.
constexpr std::size_t block_size = 256;
constexpr std::size_t lanes = 16;

/// exp(x) for x <= 0 to about one unit in the last place; 0 below -87 and for NaN. Loops over it
/// vectorise: no calls, and the range check masks bits, since GCC keeps branches on floats.
/// Every operation is exact IEEE, so all x86-64 machines agree.
inline float exp_nonpositive(float x) {
  constexpr float log2_e = 1.44269504F;
  constexpr float ln2_high = 0.693359375F;  // ln 2 in two parts: n * ln2_high is exact
  constexpr float ln2_low = -2.12194440e-4F;
  constexpr float round_to_int = 12582912.0F;  // 1.5 * 2^23: adding it leaves n in the low bits
  constexpr auto limit = std::bit_cast<std::int32_t>(87.0F);
  const std::int32_t magnitude = std::bit_cast<std::int32_t>(x) & 0x7FFFFFFF;
  const float shifted = x * log2_e + round_to_int;
  const float n = shifted - round_to_int;
  const float r = (x - n * ln2_high) - n * ln2_low;
  float taylor = 1.0F / 5040.0F;
  taylor = taylor * r + 1.0F / 720.0F;
  taylor = taylor * r + 1.0F / 120.0F;
  taylor = taylor * r + 1.0F / 24.0F;
  taylor = taylor * r + 1.0F / 6.0F;
  taylor = taylor * r + 0.5F;
  taylor = taylor * r + 1.0F;
  taylor = taylor * r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U;
  const auto result = std::bit_cast<std::int32_t>(taylor * std::bit_cast<float>(exponent));
  // Below the limit `result` is meaningless and masked away.
  return std::bit_cast<float>(result & ((magnitude - limit - 1) >> 31));
}

float block_max(const float* values, std::size_t count) {
  std::array<float, lanes> best;
  best.fill(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
    }
  }
  float result = *std::max_element(best.begin(), best.end());
  for (; i < count; ++i) result = values[i] > result ? values[i] : result;
  return result;
}

double block_sum(const float* values, std::size_t count) {
  std::array<double, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += static_cast<double>(values[i + lane]);
    }
  }
  double result = std::accumulate(sums.begin(), sums.end(), 0.0);
  for (; i < count; ++i) result += static_cast<double>(values[i]);
  return result;
}

/// Calls visit(begin, count) for each block of `size` values.
template <class Visit>
void for_each_block(std::size_t size, Visit visit) {
  for (std::size_t begin = 0; begin < size; begin += block_size) {
    visit(begin, std::min(block_size, size - begin));
  }
}

struct Largest {
  std::size_t index = 0;
  float value = -std::numeric_limits<float>::infinity();
};

/// The largest value and its lowest index.
Largest find_largest(std::span<const float> values) {
  Largest best;
  std::size_t best_begin = 0;
  for_each_block(values.size(), [&](std::size_t begin, std::size_t count) {
    const float candidate = block_max(values.data() + begin, count);
    if (candidate > best.value) {
      best.value = candidate;
      best_begin = begin;
    }
  });
  best.index = best_begin;
  while (best.index + 1 < values.size() && values[best.index] < best.value) ++best.index;
  return best;
}

/// out[i] = exp((in[i] - largest) * scale)
void exponentials(const float* __restrict in, float* __restrict out, std::size_t count,
                  float largest, float scale) {
  for (std::size_t i = 0; i < count; ++i) out[i] = exp_nonpositive((in[i] - largest) * scale);
}

/// Sum of exp(value - largest).
double sum_exp(std::span<const float> values, float largest) {
  std::array<float, block_size> weights;
  double total = 0.0;
  for_each_block(values.size(), [&](std::size_t begin, std::size_t count) {
    exponentials(values.data() + begin, weights.data(), count, largest, 1.0F);
    total += block_sum(weights.data(), count);
  });
  return total;
}

/// Softmax weights of values / temperature, the largest being 1.
std::vector<float> softmax_weights(std::span<const float> values, float largest,
                                   float temperature) {
  std::vector<float> weights(values.size());
  // The cap keeps 0 * scale at 0 where the inverse of a tiny temperature overflows.
  const float scale = std::min(1.0F / temperature, std::numeric_limits<float>::max());
  exponentials(values.data(), weights.data(), values.size(), largest, scale);
  return weights;
}

std::vector<float> adjusted_logits(std::span<const float> logits, const SamplingParams& params,
                                   const TokenHistory& history) {
  std::vector<float> result(logits.begin(), logits.end());
  for (const auto& [token, bias] : params.logit_bias) {
    if (token < 0 || static_cast<std::size_t>(token) >= result.size()) continue;
    result[static_cast<std::size_t>(token)] += bias;
  }
  if (!params.has_penalties()) return result;
  for (const auto& [token, count] : history.counts()) {
    if (token < 0 || static_cast<std::size_t>(token) >= result.size()) continue;
    float& logit = result[static_cast<std::size_t>(token)];
    logit = logit > 0.0F ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (count.output > 0) {
      logit -= params.frequency_penalty * static_cast<float>(count.output);
      logit -= params.presence_penalty;
    }
  }
  return result;
}

struct Candidate {
  float value = 0.0F;
  std::uint32_t index = 0;
};

bool ranks_before(const Candidate& a, const Candidate& b) {
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

/// The `count` largest values, best first; equal ones by index.
std::vector<Candidate> largest_values(std::span<const float> values, std::size_t count) {
  count = std::min(count, values.size());
  std::vector<Candidate> best;  // a heap with its worst in front
  best.reserve(count);
  for_each_block(values.size(), [&](std::size_t begin, std::size_t size) {
    const bool full = best.size() == count;
    if (full && !(block_max(values.data() + begin, size) > best.front().value)) return;
    for (std::size_t i = begin; i < begin + size; ++i) {
      if (best.size() == count) {
        if (!(values[i] > best.front().value)) continue;
        std::pop_heap(best.begin(), best.end(), ranks_before);
        best.pop_back();
      }
      best.push_back({values[i], static_cast<std::uint32_t>(i)});
      std::push_heap(best.begin(), best.end(), ranks_before);
    }
  });
  std::sort_heap(best.begin(), best.end(), ranks_before);
  return best;
}

/// Zeroes all weights but those of the `k` largest values. It ranks the values, not the weights:
/// different logits far down may share the weight 0.
void keep_top_k(std::vector<float>& weights, std::span<const float> values, std::size_t k) {
  if (k >= values.size()) return;
  std::vector<Candidate> kept = largest_values(values, k);
  for (Candidate& candidate : kept) candidate.value = weights[candidate.index];
  std::fill(weights.begin(), weights.end(), 0.0F);
  for (const Candidate& candidate : kept) weights[candidate.index] = candidate.value;
}

/// Zeroes all weights but the smallest set of the largest whose sum reaches top_p of the total.
void keep_top_p(std::vector<float>& weights, float top_p) {
  double total = 0.0;
  for_each_block(weights.size(), [&](std::size_t begin, std::size_t count) {
    total += block_sum(weights.data() + begin, count);
  });
  const double wanted = static_cast<double>(top_p) * total;
  // All weights below this bound together are less than the mass outside the set, so none of them
  // can be in it. Half of it leaves room for rounding.
  const auto bound =
      static_cast<float>(0.5 * (total - wanted) / static_cast<double>(weights.size()));
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0.0F && weights[i] >= bound) {
      candidates.push_back({weights[i], static_cast<std::uint32_t>(i)});
    }
    weights[i] = 0.0F;
  }
  // Quickselect by weight: [0, first) is kept, the border lies in [first, last).
  auto first = candidates.begin();
  auto last = candidates.end();
  double kept = 0.0;
  while (last - first > 1) {
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, ranks_before);
    const double upper =
        std::accumulate(first, middle, 0.0, [](double sum, const Candidate& candidate) {
          return sum + static_cast<double>(candidate.value);
        });
    if (kept + upper >= wanted) {
      last = middle;
    } else {
      kept += upper;
      first = middle;
    }
  }
  for (auto it = candidates.begin(); it != last; ++it) weights[it->index] = it->value;
}

/// Inverse CDF in id order.
std::size_t draw(std::span<const float> weights, double uniform) {
  std::vector<double> sums;
  sums.reserve(weights.size() / block_size + 1);
  double total = 0.0;
  for_each_block(weights.size(), [&](std::size_t begin, std::size_t count) {
    sums.push_back(block_sum(weights.data() + begin, count));
    total += sums.back();
  });
  const double target = uniform * total;
  double passed = 0.0;
  std::size_t block = 0;
  while (block + 1 < sums.size() && passed + sums[block] <= target) passed += sums[block++];
  // Lanes and this running sum round differently, so the last bits of `target` may be out of reach:
  // then the last token with any weight takes them.
  std::size_t chosen = weights.size();
  for (std::size_t i = block * block_size; i < weights.size() && passed <= target; ++i) {
    if (weights[i] <= 0.0F) continue;
    passed += static_cast<double>(weights[i]);
    chosen = i;
  }
  if (chosen < weights.size()) return chosen;
  const auto last =
      std::find_if(weights.rbegin(), weights.rend(), [](float w) { return w > 0.0F; });
  return last == weights.rend() ? 0 : static_cast<std::size_t>(weights.rend() - last) - 1;
}

std::vector<TokenLogprob> most_likely(std::span<const float> logits, std::size_t count,
                                      double log_normalizer) {
  std::vector<TokenLogprob> result;
  for (const Candidate& candidate : largest_values(logits, count)) {
    result.push_back({static_cast<TokenId>(candidate.index),
                      static_cast<float>(static_cast<double>(candidate.value) - log_normalizer)});
  }
  return result;
}

std::size_t choose(std::span<const float> logits, std::size_t greedy_choice,
                   const SamplingParams& params, const TokenHistory& history,
                   std::int64_t position) {
  const bool greedy = params.temperature <= 0.0F;
  std::vector<float> adjusted;
  std::span<const float> values = logits;
  Largest largest{greedy_choice, logits[greedy_choice]};
  if (!params.logit_bias.empty() || (params.has_penalties() && !history.counts().empty())) {
    adjusted = adjusted_logits(logits, params, history);
    values = adjusted;
    largest = find_largest(values);
  }
  if (greedy) return largest.index;

  std::vector<float> weights = softmax_weights(values, largest.value, params.temperature);
  if (params.top_k > 0) keep_top_k(weights, values, static_cast<std::size_t>(params.top_k));
  if (params.top_p < 1.0F) keep_top_p(weights, params.top_p);
  if (params.min_p > 0.0F) {
    // The most likely token has weight 1 and passes every filter.
    for (float& weight : weights) weight = weight >= params.min_p ? weight : 0.0F;
  }
  return draw(weights, counter_uniform(params.seed, static_cast<std::uint64_t>(position)));
}

tl::unexpected<Error> out_of_range(std::string_view name, double value, std::string_view allowed) {
  std::string text(name);
  text += " is ";
  text += std::to_string(value);
  text += "; it must be ";
  text += allowed;
  return fail(ErrorCode::out_of_range, std::move(text));
}

}  // namespace

Result<void> validate(const SamplingParams& params) {
  const auto within = [](float value, float low, float high) {
    return value >= low && value <= high;  // false for NaN
  };
  constexpr float largest = std::numeric_limits<float>::max();
  if (!within(params.temperature, 0.0F, largest)) {
    return out_of_range("temperature", params.temperature, "0 (greedy) or a finite number above");
  }
  if (params.top_k < 0) return out_of_range("top_k", params.top_k, "0 (off) or above");
  if (!(params.top_p > 0.0F && params.top_p <= 1.0F)) {
    return out_of_range("top_p", params.top_p, "above 0 and at most 1");
  }
  if (!within(params.min_p, 0.0F, 1.0F)) {
    return out_of_range("min_p", params.min_p, "between 0 and 1");
  }
  if (!(params.repetition_penalty > 0.0F && params.repetition_penalty <= largest)) {
    return out_of_range("repetition_penalty", params.repetition_penalty, "a finite number above 0");
  }
  if (!within(params.presence_penalty, -2.0F, 2.0F)) {
    return out_of_range("presence_penalty", params.presence_penalty, "between -2 and 2");
  }
  if (!within(params.frequency_penalty, -2.0F, 2.0F)) {
    return out_of_range("frequency_penalty", params.frequency_penalty, "between -2 and 2");
  }
  if (params.top_logprobs < 0 || params.top_logprobs > max_top_logprobs) {
    return out_of_range("top_logprobs", params.top_logprobs,
                        "between 0 and " + std::to_string(max_top_logprobs));
  }
  if (params.logit_bias.size() > max_logit_biases) {
    return out_of_range("the number of tokens in logit_bias",
                        static_cast<double>(params.logit_bias.size()),
                        "at most " + std::to_string(max_logit_biases));
  }
  for (const auto& [token, bias] : params.logit_bias) {
    if (token < 0) return out_of_range("a token of logit_bias", token, "0 or above");
    if (!within(bias, -100.0F, 100.0F)) {
      return out_of_range("a bias of logit_bias", bias, "between -100 and 100");
    }
  }
  return {};
}

void TokenHistory::add_prompt(std::span<const TokenId> ids) {
  for (const TokenId id : ids) ++counts_[id].prompt;
}

void TokenHistory::add_output(std::span<const TokenId> ids) {
  for (const TokenId id : ids) ++counts_[id].output;
}

Reading read_logits(std::span<const float> logits, const SamplingParams& params,
                    const TokenHistory& history, std::int64_t position) {
  if (logits.empty()) return {};
  const Largest largest = find_largest(logits);
  const double sum = sum_exp(logits, largest.value);
  const double log_normalizer = static_cast<double>(largest.value) + std::log(sum);
  const std::size_t chosen = choose(logits, largest.index, params, history, position);
  Reading reading;
  reading.token = static_cast<TokenId>(chosen);
  reading.confidence = static_cast<float>(1.0 / sum);
  reading.logprob = static_cast<float>(static_cast<double>(logits[chosen]) - log_normalizer);
  if (params.top_logprobs > 0) {
    reading.top =
        most_likely(logits, static_cast<std::size_t>(params.top_logprobs), log_normalizer);
  }
  return reading;
}

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t multiplier0 = 0xD2511F53;
  constexpr std::uint64_t multiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t weyl0 = 0x9E3779B9;  // golden ratio
  constexpr std::uint32_t weyl1 = 0xBB67AE85;  // sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = multiplier0 * counter[0];
    const std::uint64_t product1 = multiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32U) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32U) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += weyl0;
    key[1] += weyl1;
  }
  return counter;
}

double counter_uniform(std::uint64_t seed, std::uint64_t counter) {
  const auto words = philox4x32_10(
      {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32U), 0, 0},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)});
  const std::uint64_t bits = (static_cast<std::uint64_t>(words[1]) << 32U | words[0]) >> 11U;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace cecollm::model
