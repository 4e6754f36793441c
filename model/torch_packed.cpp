#include "model/torch_packed.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace cecollm::model {
namespace {

// From so many rows of one session on, attention through matrix products is faster than a query at
// a time.
constexpr std::int64_t min_product_rows = 12;
// Multiply-adds of attention that are worth a thread's wake-up.
constexpr std::int64_t worthwhile_attention = std::int64_t{1} << 20;

/// The rows of `spans` in scratch.qkv, with what attention needs to know of them.
class PackedAttention {
 public:
  PackedAttention(const kernels::AttentionShape& shape, const at::TensorOptions& options)
      : shape_(shape), masks_(options) {}

  void write_keys(std::span<const RowSpan> spans, std::int64_t layer, const LayerScratch& scratch) {
    const std::int64_t width = (shape_.heads + 2 * shape_.kv_heads) * shape_.head_dim;
    for (const auto& span : spans) {
      const float* row = scratch.qkv.data() + span.first_row * width;
      const float* keys = row + shape_.heads * shape_.head_dim;
      span.cache->write_rows(layer, span.position, span.count, keys,
                             keys + shape_.kv_heads * shape_.head_dim, width);
    }
  }

  /// Row i of `spans` in scratch.attention, its query being in row span.first_row of scratch.qkv.
  void run(std::span<const RowSpan> spans, std::int64_t layer, std::int64_t window,
           LayerScratch& scratch) {
    queries_.clear();
    const std::int64_t width = (shape_.heads + 2 * shape_.kv_heads) * shape_.head_dim;
    const std::int64_t out_width = shape_.heads * shape_.head_dim;
    float* out = scratch.attention.data();
    std::int64_t most = 1;
    for (const auto& span : spans) {
      float* q = scratch.qkv.data() + span.first_row * width;
      if (span.count >= min_product_rows) {
        attend_by_products(span, q, width, layer, window, out);
      } else {
        for (std::int64_t i = 0; i < span.count; ++i) {
          const std::int64_t end = span.position + i + 1;
          const std::int64_t begin = window > 0 ? std::max<std::int64_t>(0, end - window) : 0;
          queries_.push_back({q + i * width, span.cache->keys_at(layer, begin),
                              span.cache->values_at(layer, begin), end - begin,
                              out + i * out_width});
          most = std::max(most, end - begin);
        }
      }
      out += span.count * out_width;
    }
    const std::int64_t cost = 2 * most * out_width;
    at::parallel_for(0, static_cast<std::int64_t>(queries_.size()), 1 + worthwhile_attention / cost,
                     [&](std::int64_t begin, std::int64_t end) {
                       std::vector<float> scores(static_cast<std::size_t>(most));
                       for (std::int64_t i = begin; i < end; ++i) {
                         const auto& query = queries_[static_cast<std::size_t>(i)];
                         kernels::attend(shape_, query.q, query.keys, query.values, query.count,
                                         scores.data(), query.out);
                       }
                     });
  }

 private:
  void attend_by_products(const RowSpan& span, float* q, std::int64_t width, std::int64_t layer,
                          std::int64_t window, float* out) {
    const auto queries = at::from_blob(q, {span.count, shape_.heads, shape_.head_dim},
                                       {width, shape_.head_dim, 1}, at::kFloat)
                             .contiguous();
    auto whole = span;
    whole.first_row = 0;
    const auto result = attend(queries, {&whole, 1}, layer, window, masks_);
    std::copy_n(result.data_ptr<float>(), result.numel(), out);
  }

  struct Query {
    const float* q;
    const float* keys;
    const float* values;
    std::int64_t count;
    float* out;
  };
  kernels::AttentionShape shape_;
  AttentionMasks masks_;
  std::vector<Query> queries_;
};

/// Moves the rows of `spans`, one each, to the front.
void gather(std::vector<float>& rows, std::int64_t width, std::span<const RowSpan> spans) {
  float* target = rows.data();
  for (const auto& span : spans) {
    const float* source = rows.data() + span.first_row * width;
    std::copy(source, source + width, target);
    target += width;
  }
}

}  // namespace

void torch_parallel_for(std::int64_t count, std::int64_t grain,
                        const std::function<void(std::int64_t, std::int64_t)>& body) {
  at::parallel_for(0, count, grain, body);
}

at::Tensor run_packed_layers(const at::Tensor& hidden, const ModelConfig& config,
                             std::span<const std::shared_ptr<const PackedLayer>> weights,
                             int first_layer, LayerRange layers, RopeTable& rope,
                             std::span<const RowSpan> spans, OutputRows output) {
  const kernels::AttentionShape shape{config.num_heads, config.num_kv_heads, config.head_dim};
  const auto eps = static_cast<float>(config.rms_norm_eps);
  const std::int64_t d = hidden.size(1);
  const auto factors = factors_of(spans, rope, hidden.options());
  const auto cosine = factors.cos.contiguous();
  const auto sine = factors.sin.contiguous();
  PackedAttention attention(shape, hidden.options());
  LayerScratch scratch(shape, d, config.intermediate_size, hidden.size(0));
  const auto input = hidden.contiguous();
  std::vector<float> state(input.data_ptr<float>(), input.data_ptr<float>() + input.numel());
  std::vector<RowSpan> kept(spans.begin(), spans.end());
  std::int64_t rows = hidden.size(0);

  for (int index = layers.begin; index < layers.end; ++index) {
    const auto& layer = *weights[static_cast<std::size_t>(index - first_layer)];
    const std::int64_t cache_layer = index - layers.begin;
    project_queries(layer, shape, eps, state.data(), rows, cosine.data_ptr<float>(),
                    sine.data_ptr<float>(), scratch, torch_parallel_for);
    attention.write_keys(spans, cache_layer, scratch);
    if (output == OutputRows::last_of_session && index + 1 == layers.end) {
      kept = last_rows(spans);
      if (kept.empty()) return {};
      gather(state, d, kept);
      rows = static_cast<std::int64_t>(kept.size());
    }
    attention.run(kept, cache_layer, config.sliding_window[static_cast<std::size_t>(index)],
                  scratch);
    finish_layer(layer, eps, state.data(), rows, scratch, torch_parallel_for);
  }
  auto result = at::empty({rows, d}, hidden.options());
  std::copy_n(state.data(), rows * d, result.data_ptr<float>());
  return result;
}

at::Tensor packed_logits(const at::Tensor& rows, std::span<const float> norm,
                         const PackedLinear& lm_head, double eps) {
  const auto input = rows.contiguous();
  const std::int64_t count = input.size(0);
  std::vector<float> normed(static_cast<std::size_t>(input.numel()));
  kernels::rms_norm(input.data_ptr<float>(), count, norm, static_cast<float>(eps), normed.data());
  auto logits = at::empty({count, lm_head.matrix.outputs()}, input.options());
  lm_head.multiply(normed.data(), count, logits.data_ptr<float>(), /*add=*/false,
                   torch_parallel_for);
  return logits;
}

}  // namespace cecollm::model
