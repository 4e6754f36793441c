#pragma once
// Arithmetic of a decode step in fp32, for the vectors that the processor has: compiled once for
// each instruction set and chosen when the process runs (Highway). Plain pointers to dense memory;
// input and output do not overlap unless said. Thread-safe. One thread: who calls divides the work.

#include <cstdint>
#include <span>

namespace cecollm::model::kernels {

/// Part of a product with a PackedMatrix: see PackedMatrix::multiply.
struct PanelProduct {
  const float* x = nullptr;  // [rows, inputs]
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  float* y = nullptr;  // [rows, outputs]
  std::int64_t outputs = 0;
  bool add = false;
  std::int64_t begin_panel = 0;
  std::int64_t end_panel = 0;
};
/// `panels` [panels, inputs, PackedMatrix::panel_outputs], the first at a cache line's begin.
void multiply_panels(const PanelProduct& product, const float* panels);
/// The same for the bits of bf16 values.
void multiply_panels(const PanelProduct& product, const std::uint16_t* panels);

/// Root mean square norm (Zhang and Sennrich, arXiv 1910.07467) of x [rows, weight.size()]; `out`
/// may be `x`.
void rms_norm(const float* x, std::int64_t rows, std::span<const float> weight, float eps,
              float* out);

/// Rotary position embedding of one position's heads, in place: x [heads, cosine.size()]. The sine
/// carries the sign of rotate-half.
void rotate(float* x, std::int64_t heads, std::span<const float> cosine,
            std::span<const float> sine);

/// out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
void silu_product(const float* gate, const float* up, std::int64_t count, float* out);

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};
/// One query's softmax attention over `count` positions: q and out [heads, head_dim], keys and
/// values [count, kv_heads, head_dim], `scores` room for `count` values.
void attend(const AttentionShape& shape, const float* q, const float* keys, const float* values,
            std::int64_t count, float* scores, float* out);

}  // namespace cecollm::model::kernels
