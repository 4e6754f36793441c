#pragma once
// Keys and values of one stage for one session. Internal to model/torch_*.

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/packed_pass.hpp"
#include "model/reserved_memory.hpp"

namespace cecollm::model {

/// Bytes that `positions` take: whole pages for the keys and for the values of each layer.
std::int64_t kv_bytes_at(std::int64_t positions, std::int64_t layers, std::int64_t position_bytes);

/// Room for every position that the model has, in address space; memory is taken by the page as
/// positions are written, so that growing never copies. Positions-major: appending writes one
/// contiguous block a layer. How many positions are valid is the session's business: a failed pass
/// leaves only garbage behind the valid ones.
class KvCache {
 public:
  /// `options` of the CPU. `exhausted` where there is no address space.
  static Result<KvCache> reserve(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim,
                                 std::int64_t max_positions, const at::TensorOptions& options);

  /// `keys`, `values` [n, kv_heads, head_dim] of positions from `first` on.
  void write(std::int64_t layer, std::int64_t first, const at::Tensor& keys,
             const at::Tensor& values);

  /// The same by who writes into the tables of every layer: positions up to `end` are written.
  void note_written(std::int64_t end);

  /// Views [end - begin, kv_heads, head_dim]; they must not outlive the cache.
  at::Tensor keys(std::int64_t layer, std::int64_t begin, std::int64_t end) const;
  at::Tensor values(std::int64_t layer, std::int64_t begin, std::int64_t end) const;

  /// The keys and values of a layer, [max_positions, kv_heads, head_dim] each, fp32 only.
  KvTable table(std::int64_t layer);

  /// Of memory: what was ever written.
  std::int64_t bytes() const;

 private:
  struct Layer {
    at::Tensor keys, values;  // [max_positions, kv_heads, head_dim], over memory_
  };
  ReservedMemory memory_;
  std::vector<Layer> layers_;
  std::int64_t position_bytes_ = 0;
  std::int64_t written_ = 0;  // positions
};

}  // namespace cecollm::model
