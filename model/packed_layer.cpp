#include "model/packed_layer.hpp"

#include <algorithm>

namespace cecollm::model {
namespace {

// Multiplications below which handing work to another thread costs more than it saves: some 50 us.
constexpr std::int64_t worthwhile_products = std::int64_t{1} << 20;

std::size_t size_of(std::int64_t a, std::int64_t b) {
  return static_cast<std::size_t>(a * b);
}

}  // namespace

void PackedLinear::multiply(const float* x, std::int64_t rows, float* y, bool add,
                            const ParallelFor& parallel_for) const {
  const std::int64_t panel_products = PackedMatrix::panel_outputs * matrix.inputs() * rows;
  const std::int64_t grain = 1 + worthwhile_products / std::max<std::int64_t>(1, panel_products);
  parallel_for(matrix.panels(), grain, [&](std::int64_t begin, std::int64_t end) {
    matrix.multiply(x, rows, y, add, begin, end);
  });
  if (bias.empty()) return;
  for (std::int64_t row = 0; row < rows; ++row, y += bias.size()) {
    for (std::size_t i = 0; i < bias.size(); ++i) y[i] += bias[i];
  }
}

LayerScratch::LayerScratch(const kernels::AttentionShape& shape, std::int64_t hidden_size,
                           std::int64_t ffn, std::int64_t rows)
    : normed(size_of(rows, hidden_size)),
      qkv(size_of(rows, (shape.heads + 2 * shape.kv_heads) * shape.head_dim)),
      attention(size_of(rows, shape.heads * shape.head_dim)),
      gate_up(size_of(rows, 2 * ffn)),
      gated(size_of(rows, ffn)) {}

void project_queries(const PackedLayer& layer, const kernels::AttentionShape& shape, float eps,
                     const float* state, std::int64_t rows, const float* cosine, const float* sine,
                     LayerScratch& scratch, const ParallelFor& parallel_for) {
  kernels::rms_norm(state, rows, layer.input_norm, eps, scratch.normed.data());
  layer.qkv.multiply(scratch.normed.data(), rows, scratch.qkv.data(), /*add=*/false, parallel_for);
  const auto head_dim = static_cast<std::size_t>(shape.head_dim);
  float* q = scratch.qkv.data();
  for (std::int64_t row = 0; row < rows; ++row) {
    if (!layer.q_norm.empty()) {
      float* k = q + shape.heads * shape.head_dim;
      kernels::rms_norm(q, shape.heads, layer.q_norm, eps, q);
      kernels::rms_norm(k, shape.kv_heads, layer.k_norm, eps, k);
    }
    kernels::rotate(q, shape.heads + shape.kv_heads, {cosine, head_dim}, {sine, head_dim});
    q += (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    cosine += head_dim;
    sine += head_dim;
  }
}

void finish_layer(const PackedLayer& layer, float eps, float* state, std::int64_t rows,
                  LayerScratch& scratch, const ParallelFor& parallel_for) {
  layer.output.multiply(scratch.attention.data(), rows, state, /*add=*/true, parallel_for);
  kernels::rms_norm(state, rows, layer.post_attention_norm, eps, scratch.normed.data());
  layer.gate_up.multiply(scratch.normed.data(), rows, scratch.gate_up.data(), /*add=*/false,
                         parallel_for);
  const std::int64_t ffn = layer.down.matrix.inputs();
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* gate = scratch.gate_up.data() + row * 2 * ffn;
    kernels::silu_product(gate, gate + ffn, ffn, scratch.gated.data() + row * ffn);
  }
  layer.down.multiply(scratch.gated.data(), rows, state, /*add=*/true, parallel_for);
}

}  // namespace cecollm::model
