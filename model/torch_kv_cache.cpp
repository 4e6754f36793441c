#include "model/torch_kv_cache.hpp"

#include <algorithm>

#include <ATen/ATen.h>

namespace cecollm::model {
namespace {

constexpr std::int64_t smallest_capacity = 32;

void grow(at::Tensor& tensor, std::int64_t capacity, std::int64_t valid) {
  auto grown = at::empty({capacity, tensor.size(1), tensor.size(2)}, tensor.options());
  if (valid > 0) grown.narrow(0, 0, valid).copy_(tensor.narrow(0, 0, valid));
  tensor = grown;
}

}  // namespace

KvCache::KvCache(std::int64_t layers, std::int64_t kv_heads, std::int64_t head_dim,
                 std::int64_t max_positions, const at::TensorOptions& options)
    : max_positions_(max_positions) {
  for (std::int64_t i = 0; i < layers; ++i) {
    layers_.push_back(
        {at::empty({0, kv_heads, head_dim}, options), at::empty({0, kv_heads, head_dim}, options)});
  }
}

void KvCache::reserve(std::int64_t positions, std::int64_t valid) {
  for (auto& layer : layers_) {
    for (auto* tensor : {&layer.keys, &layer.values}) {
      const std::int64_t capacity = tensor->size(0);
      if (positions <= capacity) continue;
      const auto doubled = std::min(max_positions_, std::max(smallest_capacity, 2 * capacity));
      grow(*tensor, std::max(positions, doubled), valid);
    }
  }
}

void KvCache::write(std::int64_t layer, std::int64_t first, const at::Tensor& keys,
                    const at::Tensor& values) {
  const auto& target = layers_[static_cast<std::size_t>(layer)];
  target.keys.narrow(0, first, keys.size(0)).copy_(keys);
  target.values.narrow(0, first, values.size(0)).copy_(values);
}

at::Tensor KvCache::keys(std::int64_t layer, std::int64_t begin, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].keys.narrow(0, begin, end - begin);
}

at::Tensor KvCache::values(std::int64_t layer, std::int64_t begin, std::int64_t end) const {
  return layers_[static_cast<std::size_t>(layer)].values.narrow(0, begin, end - begin);
}

std::int64_t KvCache::bytes() const {
  std::int64_t total = 0;
  for (const auto& layer : layers_) {
    for (const auto* tensor : {&layer.keys, &layer.values}) {
      total += tensor->numel() * static_cast<std::int64_t>(tensor->element_size());
    }
  }
  return total;
}

}  // namespace cecollm::model
