#pragma once
// The weights of one part of a model in the compute dtype. Internal to model/torch_*.

#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/checkpoint.hpp"
#include "model/packed_weights.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::model {

/// One transformer layer. Products that read the same input are stored as one weight. Biases that
/// the model does not have are undefined tensors.
struct LayerWeights {
  at::Tensor input_norm;             // [d]
  at::Tensor qkv, qkv_bias;          // [(heads + 2 kv_heads) head_dim, d]: q, k, v
  at::Tensor qk_norm;                // [heads + kv_heads, head_dim], undefined without QK norm
  at::Tensor output, output_bias;    // [d, heads head_dim]
  at::Tensor post_attention_norm;    // [d]
  at::Tensor gate_up, gate_up_bias;  // [2 ffn, d]: gate, up
  at::Tensor down, down_bias;        // [d, ffn]
};

/// Undefined for a stage without a head.
struct HeadWeights {
  at::Tensor norm;     // [d]
  at::Tensor lm_head;  // [vocab, d]; heads may share one tensor
};

struct PartWeights {
  at::TensorOptions options;  // dtype and device of every activation
  at::Tensor embedding;       // [vocab, d], undefined for a part that begins with rows
  int first_layer = 0;        // zero-based index of layers.front()
  std::vector<LayerWeights> layers;
  std::vector<HeadWeights> heads;  // one a stage
  /// In fp32 on a CPU, instead of embedding, layers and heads, unless EngineOptions ask for
  /// libtorch's kernels.
  std::optional<PackedWeights> packed;
  const LayerWeights& layer(int index) const {
    return layers[static_cast<std::size_t>(index - first_layer)];
  }
};

/// Reads exactly tensors_of(config, part), each converted into memory that the result owns: nothing
/// refers to the mapped files afterwards, so a file that is replaced or truncated under a running
/// process cannot hurt it.
Result<PartWeights> load_weights(const Checkpoint& checkpoint, Part part,
                                 const at::TensorOptions& options, Kernels kernels,
                                 WeightChoice choice);

}  // namespace cecollm::model
