#pragma once
// A test's view into the layers: every hidden state of one forward pass. No libtorch type here.

#include <span>
#include <vector>

#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::model {

struct ForwardTrace {
  /// [layers + 1][ids * d]: the embedding's output, then each layer's.
  std::vector<std::vector<float>> hidden;
  std::vector<float> logits;  // [ids * vocab] of the final head
};

/// Runs the whole model over `ids`, one layer after the other, without a row codec.
Result<ForwardTrace> trace_forward(const Checkpoint& checkpoint, std::span<const TokenId> ids,
                                   ComputeDType dtype, Kernels kernels, const Device& device = {});

}  // namespace cecollm::model
