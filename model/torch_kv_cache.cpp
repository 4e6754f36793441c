#include "model/torch_kv_cache.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

namespace cecollm::model {

std::int64_t kv_bytes_at(std::int64_t positions, std::int64_t layers, std::int64_t position_bytes) {
  const auto bytes = static_cast<std::size_t>(positions * position_bytes);
  return 2 * layers * static_cast<std::int64_t>(whole_pages(bytes));
}

Result<KvCache> KvCache::reserve(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim,
                                 std::int64_t max_positions, const at::TensorOptions& options) {
  KvCache cache;
  cache.position_bytes_ =
      kv_heads * head_dim * static_cast<std::int64_t>(options.dtype().itemsize());
  const auto table = whole_pages(static_cast<std::size_t>(max_positions * cache.position_bytes_));
  auto memory = ReservedMemory::reserve(2 * static_cast<std::size_t>(layers) * table);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  cache.memory_ = *std::move(memory);
  auto* next = cache.memory_.bytes().data();
  const auto take = [&] {
    const auto tensor = at::from_blob(next, {max_positions, kv_heads, head_dim}, options);
    next += table;
    return tensor;
  };
  for (std::int64_t i = 0; i < layers; ++i) cache.layers_.push_back({take(), take()});
  return cache;
}

void KvCache::write(std::int64_t layer, std::int64_t first, const at::Tensor& keys,
                    const at::Tensor& values) {
  const auto& target = layers_[static_cast<std::size_t>(layer)];
  target.keys.narrow(0, first, keys.size(0)).copy_(keys);
  target.values.narrow(0, first, values.size(0)).copy_(values);
  note_written(first + keys.size(0));
}

void KvCache::note_written(std::int64_t end) {
  written_ = std::max(written_, end);
}

KvTable KvCache::table(std::int64_t layer) {
  const auto& tables = layers_[static_cast<std::size_t>(layer)];
  return {tables.keys.data_ptr<float>(), tables.values.data_ptr<float>()};
}

at::Tensor KvCache::keys(std::int64_t layer, std::int64_t begin, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].keys.narrow(0, begin, end - begin);
}

at::Tensor KvCache::values(std::int64_t layer, std::int64_t begin, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].values.narrow(0, begin, end - begin);
}

std::int64_t KvCache::bytes() const {
  return kv_bytes_at(written_, static_cast<std::int64_t>(layers_.size()), position_bytes_);
}

}  // namespace cecollm::model
