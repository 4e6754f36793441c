#pragma once
// What an edge's own layers took for each token, to tell its compute from its waiting.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "bench/decorated_engine.hpp"

namespace cecollm::bench {

/// Computes what the inner engine does and notes how long its passes took, by the position of the
/// token that they were for. Of one generation at a time: a new session forgets the one before.
/// Thread-safe.
class TimedEngine final : public DecoratedEngine {
 public:
  explicit TimedEngine(std::shared_ptr<model::Engine> inner) : DecoratedEngine(std::move(inner)) {}

  model::Result<std::unique_ptr<model::Session>> open(const model::SamplingParams& s) override;
  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override;

  /// Of the passes that led to the token at `position`; zero where there were none.
  std::chrono::nanoseconds own_compute(std::int64_t position) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::int64_t, std::chrono::nanoseconds> took_;  // by position
};

}  // namespace cecollm::bench
