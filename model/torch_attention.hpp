#pragma once
// Attention of packed rows, each session over its own cache. Internal to model/torch_*.

#include <array>
#include <cstdint>
#include <map>
#include <span>

#include <ATen/core/Tensor.h>

#include "model/torch_kv_cache.hpp"

namespace cecollm::model {

/// Consecutive rows of one session inside a packed batch.
struct RowSpan {
  KvCache* cache = nullptr;
  std::int64_t first_row = 0;  // in the batch
  std::int64_t count = 0;
  std::int64_t position = 0;  // of the first row
  /// Whether the span ends with the last row that the session has in this pass.
  bool ends_session = true;
};

/// The masks of one pass; layers and sessions of the same shape share them.
class AttentionMasks {
 public:
  explicit AttentionMasks(const at::TensorOptions& options);
  /// [queries, offset + queries], 0 or -infinity: query i sits at key offset + i and sees itself
  /// and what is before it, at most `window` keys (0: all).
  const at::Tensor& get(std::int64_t queries, std::int64_t offset, std::int64_t window);

 private:
  at::TensorOptions options_;
  std::map<std::array<std::int64_t, 3>, at::Tensor> masks_;
};

/// Softmax attention, grouped queries, softmax in fp32. `q` [n, heads, head_dim] are the queries of
/// `spans`, packed in their order; the caches hold their keys already. Result [n, heads head_dim].
at::Tensor attend(const at::Tensor& q, std::span<const RowSpan> spans, std::int64_t layer,
                  std::int64_t window, AttentionMasks& masks);

}  // namespace cecollm::model
