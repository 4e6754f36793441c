#pragma once
// Makes a recording: runs a whole model as model/reference does, stage by stage, and keeps what an
// edge would have computed of it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "load/recording.hpp"

#include "model/engine.hpp"

namespace cecollm::load {

/// Of logits that count as equal: the audit's (model/audit.hpp).
inline constexpr float reply_tolerance = 1e-3F;

struct RecordRequest {
  std::vector<model::TokenId> prompt;
  std::int64_t max_tokens = 0;
  std::vector<float> thresholds;  // one an exit
  bool ignore_eos = false;
};

/// A generation and the rows that it refers to.
struct RecordedTake {
  RecordedGeneration generation;
  std::vector<std::byte> rows;
};

using Stopwatch = std::function<std::chrono::steady_clock::time_point()>;

/// Greedy; the tokens and their heads are those of model::run_reference. `whole` has early exits.
/// `now` times the shallow layers.
model::Result<RecordedTake> record_generation(model::Engine& whole, const RecordRequest& request,
                                              const Stopwatch& now);

}  // namespace cecollm::load
