#pragma once
// The weights of one part of a model, packed, and what computes with them.

#include <memory>
#include <optional>
#include <vector>

#include "model/checkpoint.hpp"
#include "model/packed_executor.hpp"

namespace cecollm::model {

/// Empty for a stage without a head.
struct PackedHead {
  std::shared_ptr<const std::vector<float>> norm;  // [d]
  std::shared_ptr<const PackedLinear> lm_head;     // [vocab, d]; heads may share one
};

/// Copies share the weights and the executor, so copies are used by one thread at a time.
struct PackedWeights {
  /// [vocab, d], null for a part that begins with rows. Where embeddings are tied it is the LM
  /// head's matrix, held once.
  std::shared_ptr<const PackedLinear> embedding;
  int first_layer = 0;  // zero-based index of layers.front()
  std::vector<std::shared_ptr<const PackedLayer>> layers;
  std::vector<PackedHead> heads;  // one a stage
  std::shared_ptr<PackedExecutor> executor;
};

/// Reads exactly tensors_of(config, part), a few megabytes at a time, and lets go of the mapped
/// pages behind it, so that loading takes little more memory than the weights. Nothing refers to
/// the files afterwards. Runs on up to `threads` threads.
Result<PackedWeights> load_packed_weights(const Checkpoint& checkpoint, Part part,
                                          WeightChoice choice, int threads);

}  // namespace cecollm::model
