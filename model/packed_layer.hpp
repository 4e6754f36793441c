#pragma once
// One transformer layer in fp32 over packed weights, for passes of few rows: a handful of kernels
// over plain memory instead of some twenty tensor operations, which cost more than their arithmetic
// in a small model. The same mathematics as run_layers (torch_layer.hpp), its reference.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/kernels.hpp"
#include "model/packed_matrix.hpp"

namespace cecollm::model {

/// Divides 0 .. count - 1 among threads: calls body(begin, end) on pieces of at least `grain`.
using ParallelFor =
    std::function<void(std::int64_t count, std::int64_t grain,
                       const std::function<void(std::int64_t begin, std::int64_t end)>& body)>;

/// W with its bias, which may be empty.
struct PackedLinear {
  PackedMatrix matrix;
  std::vector<float> bias;  // [outputs]

  /// y = x Wᵀ + bias, or y += x Wᵀ + bias. x [rows, inputs], y [rows, outputs].
  void multiply(const float* x, std::int64_t rows, float* y, bool add,
                const ParallelFor& parallel_for) const;
};

/// As LayerWeights (torch_weights.hpp).
struct PackedLayer {
  std::vector<float> input_norm;  // [d]
  PackedLinear qkv;
  std::vector<float> q_norm, k_norm;  // [head_dim], empty without QK norm
  PackedLinear output;
  std::vector<float> post_attention_norm;  // [d]
  PackedLinear gate_up;
  PackedLinear down;
};

/// What a pass works in; reused from layer to layer.
struct LayerScratch {
  std::vector<float> normed;     // [rows, d]
  std::vector<float> qkv;        // [rows, heads + 2 kv_heads, head_dim]
  std::vector<float> attention;  // [rows, heads head_dim]
  std::vector<float> gate_up;    // [rows, 2 ffn]
  std::vector<float> gated;      // [rows, ffn]
  LayerScratch(const kernels::AttentionShape& shape, std::int64_t hidden_size, std::int64_t ffn,
               std::int64_t rows);
};

/// Queries, keys and values of `state` [rows, d], rotated by the rows' factors [rows, head_dim]:
/// into scratch.qkv.
void project_queries(const PackedLayer& layer, const kernels::AttentionShape& shape, float eps,
                     const float* state, std::int64_t rows, const float* cosine, const float* sine,
                     LayerScratch& scratch, const ParallelFor& parallel_for);

/// Adds to `state` [rows, d] what attention (in scratch.attention) and the feed-forward block say.
void finish_layer(const PackedLayer& layer, float eps, float* state, std::int64_t rows,
                  LayerScratch& scratch, const ParallelFor& parallel_for);

}  // namespace cecollm::model
