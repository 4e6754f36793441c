#pragma once
// Which layers and tensors belong to which side of the cut. Pure functions of the configuration.

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.hpp"

namespace cecollm::model {

/// edge: embedding, layers 1..E_last, exit heads.
/// cloud: layers E1+1..N, final norm, LM head.
/// cloud_only: what a cloud needs to run a prompt alone: the whole model without exits.
/// whole: all layers and all heads; the single-machine reference.
enum class Part { edge, cloud, cloud_only, whole };

/// Layers begin+1..end, counted from 1: a half-open range of zero-based layer indices.
struct LayerRange {
  int begin = 0;
  int end = 0;
  friend bool operator==(const LayerRange&, const LayerRange&) = default;
};

/// What reads the hidden state after a stage.
struct StageHead {
  enum class Kind { none, exit, final } kind = Kind::none;
  int exit = 0;  // index into EarlyExits::layers where kind is exit
  friend bool operator==(const StageHead&, const StageHead&) = default;
};

/// A stage is a run of layers that always executes as one, with its own KV cache, and the head
/// that reads its output. A part is a chain of stages; each stage catches up with the one before.
struct Stage {
  LayerRange layers;
  StageHead head;
  friend bool operator==(const Stage&, const Stage&) = default;
};

/// The stages of `part`. Edge: 1..E1 | E1+1..E2 | …; cloud: E1+1..N; cloud_only: 1..E1 | E1+1..N
/// (its first stage has no head); whole: the edge's stages and E_last+1..N. A model without exits
/// has only `whole` and `cloud_only`, each of one stage.
std::vector<Stage> stages_of(const ModelConfig& config, Part part);

/// One expected tensor.
struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// Every tensor that `part` reads, and no other, in a stable order.
std::vector<TensorSpec> tensors_of(const ModelConfig& config, Part part);

/// KV bytes that one position costs over `part`'s layers.
std::int64_t kv_bytes_per_token(const ModelConfig& config, Part part, DType compute);

}  // namespace cecollm::model
