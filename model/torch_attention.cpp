#include "model/torch_attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

namespace cecollm::model {
namespace {

// Scores are computed for so many queries at a time that they stay below this many values.
constexpr std::int64_t max_scores = std::int64_t{16} << 20;

/// `q` [n, heads, head_dim] of positions first .. first + n - 1: [n, heads head_dim].
at::Tensor attend_block(const at::Tensor& q, const RowSpan& span, std::int64_t first,
                        std::int64_t layer, std::int64_t window, AttentionMasks& masks) {
  const std::int64_t n = q.size(0);
  const std::int64_t heads = q.size(1);
  const std::int64_t head_dim = q.size(2);
  const std::int64_t end = first + n;
  const std::int64_t begin = window > 0 ? std::max<std::int64_t>(0, first - window + 1) : 0;
  const auto keys = span.cache->keys(layer, begin, end);
  const auto values = span.cache->values(layer, begin, end);
  const std::int64_t kv_heads = keys.size(1);
  const std::int64_t group = heads / kv_heads;

  // One product a KV head serves all queries of its group.
  const auto grouped = q.view({n, kv_heads, group, head_dim})
                           .permute({1, 2, 0, 3})
                           .reshape({kv_heads, group * n, head_dim});
  auto scores = at::bmm(grouped, keys.permute({1, 2, 0})).to(at::kFloat);
  scores.mul_(1.0 / std::sqrt(static_cast<double>(head_dim)));
  if (n > 1) scores.view({heads, n, end - begin}).add_(masks.get(n, first - begin, window));
  const auto weights = at::softmax(scores, -1).to(q.scalar_type());
  return at::bmm(weights, values.transpose(0, 1))
      .view({kv_heads, group, n, head_dim})
      .permute({2, 0, 1, 3})
      .reshape({n, heads * head_dim});
}

}  // namespace

AttentionMasks::AttentionMasks(const at::TensorOptions& options)
    : options_(options.dtype(at::kFloat)) {}

const at::Tensor& AttentionMasks::get(std::int64_t queries, std::int64_t offset,
                                      std::int64_t window) {
  auto& mask = masks_[{queries, offset, window}];
  if (!mask.defined()) {
    const auto hidden =
        at::full({queries, offset + queries}, -std::numeric_limits<double>::infinity(), options_);
    mask = at::triu(hidden, offset + 1);
    if (window > 0) mask.add_(at::tril(hidden, offset - window));
  }
  return mask;
}

at::Tensor attend(const at::Tensor& q, std::span<const RowSpan> spans, std::int64_t layer,
                  std::int64_t window, AttentionMasks& masks) {
  const std::int64_t heads = q.size(1);
  const bool whole = spans.size() == 1;
  at::Tensor result;
  std::int64_t row = 0;
  for (const auto& span : spans) {
    const std::int64_t keys = span.position + span.count;
    const std::int64_t block = std::max<std::int64_t>(1, max_scores / (heads * keys));
    for (std::int64_t done = 0; done < span.count; done += block) {
      const std::int64_t n = std::min(block, span.count - done);
      auto part =
          attend_block(q.narrow(0, row, n), span, span.position + done, layer, window, masks);
      if (whole && n == span.count) return part;
      if (!result.defined()) result = at::empty({q.size(0), part.size(1)}, q.options());
      result.narrow(0, row, n).copy_(part);
      row += n;
    }
  }
  return result;
}

}  // namespace cecollm::model
