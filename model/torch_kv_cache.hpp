#pragma once
// Keys and values of one stage for one session. Internal to model/torch_*.

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace cecollm::model {

/// Positions-major, so that appending writes one contiguous block a layer. How many positions are
/// valid is the session's business: a failed pass leaves only garbage behind the valid ones.
class KvCache {
 public:
  KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim,
          std::int64_t max_positions, const at::TensorOptions& options);

  /// Makes room for `positions`, keeping the first `valid`. Grows by doubling.
  void reserve(std::int64_t positions, std::int64_t valid);

  /// `keys`, `values` [n, kv_heads, head_dim] of positions from `first` on; room must be there.
  void write(std::int64_t layer, std::int64_t first, const at::Tensor& keys,
             const at::Tensor& values);

  /// Views [end - begin, kv_heads, head_dim].
  at::Tensor keys(std::int64_t layer, std::int64_t begin, std::int64_t end) const;
  at::Tensor values(std::int64_t layer, std::int64_t begin, std::int64_t end) const;

  /// Allocated.
  std::int64_t bytes() const;

 private:
  struct Layer {
    at::Tensor keys, values;  // [capacity, kv_heads, head_dim]
  };
  std::vector<Layer> layers_;
  std::int64_t max_positions_;
};

}  // namespace cecollm::model
