#include "model/torch_kv_cache.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

namespace cecollm::model {

namespace {

constexpr std::int64_t first_capacity = 128;

/// Off the CPU.
std::int64_t capacity_for(std::int64_t positions, std::int64_t max_positions) {
  if (positions == 0) return 0;
  std::int64_t capacity = first_capacity;
  while (capacity < positions) capacity *= 2;
  return std::min(capacity, max_positions);
}

}  // namespace

std::int64_t kv_bytes_at(std::int64_t positions, const KvShape& shape,
                         const at::TensorOptions& options) {
  const std::int64_t position_bytes =
      shape.kv_heads * shape.head_dim * static_cast<std::int64_t>(options.dtype().itemsize());
  const std::int64_t table = options.device().is_cpu()
                                 ? static_cast<std::int64_t>(whole_pages(
                                       static_cast<std::size_t>(positions * position_bytes)))
                                 : capacity_for(positions, shape.max_positions) * position_bytes;
  return 2 * shape.layers * table;
}

Result<KvCache> KvCache::reserve(const KvShape& shape, const at::TensorOptions& options) {
  if (options.device().is_cpu()) return reserve_pages(shape, options);
  KvCache cache;
  cache.shape_ = shape;
  cache.options_ = options;
  return cache;
}

Result<KvCache> KvCache::reserve_pages(const KvShape& shape, const at::TensorOptions& options) {
  KvCache cache;
  cache.shape_ = shape;
  cache.options_ = options;
  const auto table =
      whole_pages(static_cast<std::size_t>(shape.max_positions * shape.kv_heads * shape.head_dim) *
                  options.dtype().itemsize());
  auto memory = ReservedMemory::reserve(2 * static_cast<std::size_t>(shape.layers) * table);
  if (!memory) return tl::unexpected(std::move(memory.error()));
  cache.memory_ = *std::move(memory);
  auto* next = cache.memory_.bytes().data();
  const auto take = [&] {
    const auto tensor =
        at::from_blob(next, {shape.max_positions, shape.kv_heads, shape.head_dim}, options);
    next += table;
    return tensor;
  };
  for (std::int64_t i = 0; i < shape.layers; ++i) cache.layers_.push_back({take(), take()});
  return cache;
}

KvCache::Room KvCache::room_for(std::int64_t positions) {
  const std::int64_t capacity = grown_.defined() ? grown_.size(2) : 0;
  if (positions > capacity) {
    const auto larger = at::empty({shape_.layers, 2, capacity_for(positions, shape_.max_positions),
                                   shape_.kv_heads, shape_.head_dim},
                                  options_);
    if (capacity > 0) {
      larger.narrow(2, 0, written_).copy_(grown_.narrow(2, 0, written_));
    }
    grown_ = larger;
    layers_.clear();
    for (std::int64_t i = 0; i < shape_.layers; ++i) {
      const auto layer = grown_.select(0, i);
      layers_.push_back({layer.select(0, 0), layer.select(0, 1)});
    }
  }
  written_ = std::max(written_, positions);
  return {grown_.data_ptr(), grown_.size(2)};
}

void KvCache::write(std::int64_t layer, std::int64_t first, const at::Tensor& keys,
                    const at::Tensor& values) {
  if (!options_.device().is_cpu()) static_cast<void>(room_for(first + keys.size(0)));
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
  return kv_bytes_at(written_, shape_, options_);
}

}  // namespace cecollm::model
