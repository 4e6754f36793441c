#include "model/torch_layer.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "model/torch_linear.hpp"
#include "model/torch_packed.hpp"
#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

at::Tensor feed_forward(const at::Tensor& x, const LayerWeights& weights) {
  const auto gate_up = project(x, weights.gate_up, weights.gate_up_bias);
  const std::int64_t ffn = gate_up.size(1) / 2;
  auto gate = gate_up.narrow(1, 0, ffn);
  return at::silu(gate).mul_(gate_up.narrow(1, ffn, ffn));
}

}  // namespace

at::Tensor select_rows(const at::Tensor& tensor, std::span<const RowSpan> single_rows) {
  if (std::cmp_equal(single_rows.size(), tensor.size(0))) return tensor;
  std::vector<std::int64_t> rows;
  for (const auto& span : single_rows) rows.push_back(span.first_row);
  return tensor.index_select(0, tensor_of_indices(rows, tensor.options()));
}

RopeFactors factors_of(std::span<const RowSpan> spans, RopeTable& rope,
                       const at::TensorOptions& options) {
  if (spans.size() == 1) return rope.range(spans.front().position, spans.front().count);
  std::vector<std::int64_t> positions;
  std::int64_t largest = 0;
  for (const auto& span : spans) {
    for (std::int64_t i = 0; i < span.count; ++i) positions.push_back(span.position + i);
    largest = std::max(largest, positions.back());
  }
  return rope.rows(tensor_of_indices(positions, options), largest);
}

std::vector<RowSpan> last_rows(std::span<const RowSpan> spans) {
  std::vector<RowSpan> result;
  for (const auto& span : spans) {
    if (!span.ends_session) continue;
    const std::int64_t skipped = span.count - 1;
    result.push_back({span.cache, span.first_row + skipped, 1, span.position + skipped, true});
  }
  return result;
}

at::Tensor run_layers(const at::Tensor& hidden, const ModelConfig& config,
                      const PartWeights& weights, LayerRange layers, RopeTable& rope,
                      std::span<const RowSpan> spans, OutputRows output) {
  if (weights.packed) {
    return run_packed_layers(hidden, config, *weights.packed, layers, rope, spans, output);
  }
  const std::int64_t heads = config.num_heads;
  const std::int64_t kv_heads = config.num_kv_heads;
  const auto factors = factors_of(spans, rope, weights.options);
  AttentionMasks masks(weights.options);
  std::vector<RowSpan> kept(spans.begin(), spans.end());
  at::Tensor state = hidden.clone();

  for (int index = layers.begin; index < layers.end; ++index) {
    const auto& layer = weights.layer(index);
    const std::int64_t cache_layer = index - layers.begin;
    const auto qkv =
        project(rms_norm(state, layer.input_norm, config.rms_norm_eps), layer.qkv, layer.qkv_bias)
            .view({-1, heads + 2 * kv_heads, config.head_dim});
    at::Tensor qk = qkv.narrow(1, 0, heads + kv_heads);
    if (layer.qk_norm.defined()) qk = rms_norm(qk, layer.qk_norm, config.rms_norm_eps);
    qk = rotate(qk, factors);
    for (const auto& span : spans) {
      const auto rows = [&](const at::Tensor& x, std::int64_t first_head) {
        return x.narrow(0, span.first_row, span.count).narrow(1, first_head, kv_heads);
      };
      span.cache->write(cache_layer, span.position, rows(qk, heads), rows(qkv, heads + kv_heads));
    }

    at::Tensor q = qk.narrow(1, 0, heads);
    if (output == OutputRows::last_of_session && index + 1 == layers.end) {
      kept = last_rows(spans);
      if (kept.empty()) return {};
      state = select_rows(state, kept);
      q = select_rows(q, kept);
    }
    const auto window = config.sliding_window[static_cast<std::size_t>(index)];
    const auto attention = attend(q, kept, cache_layer, window, masks);
    add_projection(state, attention, layer.output, layer.output_bias);
    const auto x = rms_norm(state, layer.post_attention_norm, config.rms_norm_eps);
    add_projection(state, feed_forward(x, layer), layer.down, layer.down_bias);
  }
  return state;
}

}  // namespace cecollm::model
