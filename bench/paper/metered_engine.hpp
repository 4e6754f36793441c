#pragma once
// An engine whose passes are measured and, where asked, slowed down to the speed of a larger model.

#include <chrono>
#include <memory>

#include "bench/paper/compute_meter.hpp"
#include "model/engine.hpp"

namespace cecollm::bench {

/// The least time that a pass takes. One layer of a decode step on a GPU takes as long as its
/// weights take to be read, whether it computes one row or a few dozen, so a pass is charged by the
/// layers that it runs and not by their rows.
struct Pace {
  std::chrono::nanoseconds per_layer{0};  // 0: as fast as the engine is
};

/// The pace at which all layers of the model together take `step_ms` milliseconds.
Pace pace_of(double step_ms, const model::ModelConfig& config);

/// `engine` with every pass counted in `meter`. A pass that is too fast for `pace` waits for the
/// rest of its time, as part of the pass.
std::shared_ptr<model::Engine> metered(std::shared_ptr<model::Engine> engine,
                                       std::shared_ptr<ComputeMeter> meter, Pace pace);

}  // namespace cecollm::bench
