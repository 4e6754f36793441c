#include "bench/own_compute.hpp"

namespace cecollm::bench {

model::Result<std::unique_ptr<model::Session>> TimedEngine::open(const model::SamplingParams& s) {
  {
    const std::lock_guard lock(mutex_);
    took_.clear();
  }
  return DecoratedEngine::open(s);
}

std::vector<model::Result<model::StepResult>> TimedEngine::run(std::span<const model::Step> batch) {
  const auto begun = std::chrono::steady_clock::now();
  auto results = DecoratedEngine::run(batch);
  const auto took = std::chrono::steady_clock::now() - begun;
  const std::lock_guard lock(mutex_);
  for (const auto& step : batch) took_[step.session->length()] += took;
  return results;
}

std::chrono::nanoseconds TimedEngine::own_compute(std::int64_t position) const {
  const std::lock_guard lock(mutex_);
  const auto found = took_.find(position);
  return found == took_.end() ? std::chrono::nanoseconds(0) : found->second;
}

}  // namespace cecollm::bench
