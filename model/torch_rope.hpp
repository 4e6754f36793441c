#pragma once
// Rotary position embedding, rotate-half convention (Su et al., arXiv 2104.09864, as laid out by
// Hugging Face transformers). Internal to model/torch_*.

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model/config.hpp"

namespace cecollm::model {

/// Factors for some rows, [n, 1, head_dim] each; `sin` carries the sign of rotate-half.
struct RopeFactors {
  at::Tensor cos, sin;
};

/// x [n, heads, head_dim] rotated.
at::Tensor rotate(const at::Tensor& x, const RopeFactors& factors);

/// Angle of each pair at position 1, [head_dim / 2].
std::vector<float> rope_frequencies(const ModelConfig& config);

/// Factors by position. Grows as positions appear, since a model's limit may be far beyond any
/// text it sees.
class RopeTable {
 public:
  RopeTable(const ModelConfig& config, const at::TensorOptions& options);

  /// Positions first .. first + count - 1.
  RopeFactors range(std::int64_t first, std::int64_t count);
  /// `positions` [n] of int64, none beyond `largest`.
  RopeFactors rows(const at::Tensor& positions, std::int64_t largest);

 private:
  void grow(std::int64_t positions);

  at::TensorOptions options_;
  std::vector<float> inverse_frequencies_;  // head_dim / 2
  std::int64_t max_positions_ = 0;
  at::Tensor cos_, sin_;  // [capacity, 1, head_dim]
};

}  // namespace cecollm::model
