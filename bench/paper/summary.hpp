#pragma once
// From single responses to the table: pure functions of what was measured. Intervals are of 95 %,
// bootstrapped over prompts (over questions where questions are judged).

#include <cstdint>
#include <optional>
#include <vector>

#include "bench/paper/trial.hpp"
#include "bench/statistics.hpp"

namespace cecollm::bench {

struct SideWork {
  double layer_gflop = 0;  // a response
  double head_gflop = 0;
  double layer_rows = 0;
};

/// One mode, as means of a response where nothing else is said.
struct ModeSummary {
  Mode mode;
  // Milliseconds
  Estimate total;
  Estimate edge;
  Estimate cloud;
  Estimate communication;
  std::optional<Estimate> request_communication;  // of one request; where tokens are asked for
  double first_token_p50 = 0;
  double token_p50 = 0;  // between two tokens
  double token_p99 = 0;
  // Shares
  Estimate request_rate;               // tokens that the cloud gave
  Estimate fallback_rate;              // tokens that the cloud was asked for and did not answer
  Estimate vain_rate;                  // asks in vain, of all tokens
  Estimate edge_share;                 // of all layer·rows; layers on both sides count on both
  std::optional<Estimate> saved_time;  // 1 − total / cloud-only's total
  std::optional<Estimate> offloaded;   // 1 − cloud time / cloud-only's cloud time
  // KiB
  double up = 0;
  double down = 0;
  double rows = 0;  // of `up`, the rows themselves
  SideWork edge_work;
  SideWork cloud_work;
  // Judged by the full model:
  std::optional<Estimate> agreement;  // of the prompts' answers
  std::optional<Estimate> rouge;
  std::optional<Estimate> right_answers;
  std::optional<Estimate> same_answers;  // questions answered with the full model's very tokens
  std::optional<Estimate> question_agreement;
};

/// One summary for each of `modes`, in their order.
std::vector<ModeSummary> summarise(const std::vector<Mode>& modes, const Measurement& measured,
                                   std::uint64_t seed);

}  // namespace cecollm::bench
