#pragma once
// Digests of a checkpoint's tensors (docs/checkpoints.md, Identity).

#include <string>
#include <vector>

#include "model/checkpoint.hpp"

namespace cecollm::model {

/// SHA-256 of names, dtypes, shapes and bytes of the tensors in `specs`, independent of the order
/// of `specs` and of the files that hold them. Reads these tensors and no others.
Result<std::string> digest_of(const Checkpoint& checkpoint, std::vector<TensorSpec> specs);

/// The tensors that both sides of the cut hold.
std::vector<TensorSpec> shared_tensors(const ModelConfig& config);

}  // namespace cecollm::model
