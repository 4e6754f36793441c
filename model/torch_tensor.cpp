#include "model/torch_tensor.hpp"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "model/mapped_file.hpp"

namespace cecollm::model {
namespace {

// Bytes converted at a time while loading, so that a large tensor is never held twice.
constexpr std::int64_t staging_bytes = std::int64_t{16} << 20;

at::Tensor host_indices(std::int64_t count) {
  return at::empty({count}, at::TensorOptions().dtype(at::kLong));
}

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
  }
  return at::kFloat;
}

at::Tensor tensor_of_ids(std::span<const TokenId> ids, const at::TensorOptions& options) {
  const auto host = host_indices(static_cast<std::int64_t>(ids.size()));
  std::ranges::copy(ids, host.data_ptr<std::int64_t>());
  return host.to(options.device());
}

at::Tensor tensor_of_indices(std::span<const std::int64_t> values,
                             const at::TensorOptions& options) {
  const auto host = host_indices(static_cast<std::int64_t>(values.size()));
  std::ranges::copy(values, host.data_ptr<std::int64_t>());
  return host.to(options.device());
}

at::Tensor tensor_of_floats(std::span<const float> values, std::int64_t columns,
                            const at::TensorOptions& options) {
  const auto rows = static_cast<std::int64_t>(values.size()) / columns;
  const auto host = at::empty({rows, columns}, at::TensorOptions().dtype(at::kFloat));
  std::ranges::copy(values, host.data_ptr<float>());
  return host.to(options);
}

at::Tensor to_host_floats(const at::Tensor& tensor) {
  return tensor.to(at::TensorOptions().device(at::kCPU).dtype(at::kFloat)).contiguous();
}

std::span<const float> host_values(const at::Tensor& host_floats) {
  return {host_floats.data_ptr<float>(), static_cast<std::size_t>(host_floats.numel())};
}

void copy_from_bytes(at::Tensor destination, std::span<const std::byte> bytes, DType stored) {
  const auto element = static_cast<std::int64_t>(size_of(stored));
  const auto flat = destination.view(-1);
  const std::int64_t count = flat.numel();
  const std::int64_t block = std::min(count, staging_bytes / element);
  const auto staging = at::empty({block}, at::TensorOptions().dtype(scalar_type(stored)));
  for (std::int64_t begin = 0; begin < count; begin += block) {
    const std::int64_t size = std::min(block, count - begin);
    std::memcpy(staging.data_ptr(), bytes.data() + begin * element,
                static_cast<std::size_t>(size * element));
    flat.narrow(0, begin, size).copy_(staging.narrow(0, 0, size));
    release_pages(bytes.subspan(static_cast<std::size_t>(begin * element),
                                static_cast<std::size_t>(size * element)));
  }
}

Error torch_error(const c10::Error& error, const std::string& what) {
  const std::string text = error.what_without_backtrace();
  return {ErrorCode::exhausted, what + " failed: " + text.substr(0, text.find('\n'))};
}

}  // namespace cecollm::model
