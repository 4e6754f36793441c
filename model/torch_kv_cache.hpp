#pragma once
// Keys and values of one stage for one session. Internal to model/torch_*.

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/packed_pass.hpp"
#include "model/reserved_memory.hpp"

namespace cecollm::model {

/// Sizes of one stage's caches.
struct KvShape {
  std::int64_t layers = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
};

/// Bytes that a cache of `positions` takes. On a CPU whole pages for the keys and for the values of
/// each layer; on another device see KvCache.
std::int64_t kv_bytes_at(std::int64_t positions, const KvShape& shape,
                         const at::TensorOptions& options);

/// Room for every position that the model has, in address space; memory is taken by the page as
/// positions are written, so that growing never copies. Positions-major: appending writes one
/// contiguous block a layer. How many positions are valid is the session's business: a failed pass
/// leaves only garbage behind the valid ones.
///
/// That is so on a CPU. Another device gives room for 128 positions, and twice as many whenever
/// they run out, up to the model's; what is there is copied then.
class KvCache {
 public:
  /// `exhausted` where there is no address space.
  static Result<KvCache> reserve(const KvShape& shape, const at::TensorOptions& options);

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

  /// Off the CPU: where [layers][2][capacity][kv_heads][head_dim] are, keys before values, with
  /// room for at least `positions`, which are going to be written.
  struct Room {
    void* data;
    std::int64_t capacity;
  };
  Room room_for(std::int64_t positions);

  /// Of memory: what was ever written.
  std::int64_t bytes() const;

 private:
  struct Layer {
    at::Tensor keys, values;  // [capacity, kv_heads, head_dim], over memory_ or of grown_
  };
  static Result<KvCache> reserve_pages(const KvShape& shape, const at::TensorOptions& options);

  KvShape shape_;
  at::TensorOptions options_;
  ReservedMemory memory_;
  at::Tensor grown_;  // [layers, 2, capacity, kv_heads, head_dim], undefined before the first write
  std::vector<Layer> layers_;
  std::int64_t written_ = 0;  // positions
};

}  // namespace cecollm::model
