#pragma once
// One transformer layer's weights, packed. As LayerWeights (torch_weights.hpp), but query, key and
// value weights are one matrix while gate and up are two: a thread that has computed 32 gates
// computes the 32 values beside them next, and neither goes to memory.

#include <vector>

#include "model/packed_matrix.hpp"

namespace cecollm::model {

/// W with its bias, which may be empty.
struct PackedLinear {
  PackedMatrix matrix;
  std::vector<float> bias;  // [outputs]

  /// As PackedMatrix::multiply, and adds the bias.
  void multiply(const PackedMatrix::Operands& operands, std::int64_t begin_panel,
                std::int64_t end_panel) const;
};

struct PackedLayer {
  std::vector<float> input_norm;  // [d]
  PackedLinear qkv;
  std::vector<float> q_norm, k_norm;  // [head_dim], empty without QK norm
  PackedLinear output;
  std::vector<float> post_attention_norm;  // [d]
  PackedLinear gate, up;
  PackedLinear down;
};

}  // namespace cecollm::model
