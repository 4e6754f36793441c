#pragma once
// Arithmetic of a decode step in fp32, for the vectors that the processor has: compiled once for
// each instruction set and chosen when the process runs (Highway). Plain pointers to memory; input
// and output do not overlap unless said. Strides count values from one row to the next.
// Thread-safe. One thread: who calls divides the work.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/panel_layout.hpp"

namespace cecollm::model::kernels {

/// y = x Wᵀ, or y += x Wᵀ where `add`, over the outputs of some panels of W (panel_layout.hpp).
struct PanelProduct {
  const float* x = nullptr;  // [rows, inputs]
  std::int64_t x_stride = 0;
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  const std::byte* panels = nullptr;  // the first of them, at a cache line's begin
  std::int64_t panel_count = 0;
  std::int64_t outputs = 0;  // of these panels; the last one may have fewer than panel_outputs
  float* y = nullptr;        // [rows, outputs]
  std::int64_t y_stride = 0;
  bool add = false;
};
void multiply_panels(WeightFormat format, const PanelProduct& product);

/// Root mean square norm (Zhang and Sennrich, arXiv 1910.07467) of x [rows, weight.size()]; `out`
/// may be `x`.
void rms_norm(const float* x, std::int64_t x_stride, std::int64_t rows,
              std::span<const float> weight, float eps, float* out, std::int64_t out_stride);

/// Rotary position embedding of one position's heads, in place: x [heads, cosine.size()]. The sine
/// carries the sign of rotate-half.
void rotate(float* x, std::int64_t heads, std::span<const float> cosine,
            std::span<const float> sine);

/// out[i] = gate[i] / (1 + exp(-gate[i])) * up[i]; `out` may be `gate` or `up`.
void silu_product(const float* gate, const float* up, std::int64_t count, float* out);

/// Queries at one position, and the neighbouring heads of keys and values that they look at.
struct AttentionGroup {
  std::int64_t kv_heads = 0;
  std::int64_t queries = 0;  // of each of these heads
  std::int64_t head_dim = 0;
  std::int64_t count = 0;   // positions that they see
  std::int64_t stride = 0;  // from one position's keys (values) to the next one's
};
/// Softmax attention: q and out [kv_heads, queries, head_dim], keys and values [count, kv_heads,
/// head_dim], `scores` room for kv_heads * queries * count values. Reads keys and values once, in
/// the order of their memory.
void attend(const AttentionGroup& group, const float* q, const float* keys, const float* values,
            float* scores, float* out);

/// Names of the instruction sets that are compiled in and that this processor has, best first. The
/// last one is plain code, which shows what a processor without vectors of ours would compute.
std::vector<std::string> instruction_sets();
/// Uses the instruction set `name` from here on, or the best one where it is empty. False for a
/// name that instruction_sets() does not list. For tests and measurements: not thread-safe.
bool use_instruction_set(std::string_view name);

}  // namespace cecollm::model::kernels
