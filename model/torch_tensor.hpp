#pragma once
// Between tensors and host memory: the one place where raw pointers meet libtorch.
// Internal to model/torch_*.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::model {

at::ScalarType scalar_type(DType dtype);

/// Tensors of `options`' device from host values. The values are copied.
at::Tensor tensor_of_ids(std::span<const TokenId> ids, const at::TensorOptions& options);
at::Tensor tensor_of_indices(std::span<const std::int64_t> values,
                             const at::TensorOptions& options);
/// fp32 values [rows, columns] in `options`' dtype and device.
at::Tensor tensor_of_floats(std::span<const float> values, std::int64_t columns,
                            const at::TensorOptions& options);

/// `tensor` as contiguous fp32 values in host memory; itself where it is that already.
at::Tensor to_host_floats(const at::Tensor& tensor);
/// The values of a tensor from to_host_floats; valid as long as the tensor lives.
std::span<const float> host_values(const at::Tensor& host_floats);

/// Fills `destination` (contiguous, any dtype and device) with the little-endian `bytes` of a
/// `stored` tensor of as many elements, and lets go of the file's pages. The bytes need no
/// alignment.
void copy_from_bytes(at::Tensor destination, std::span<const std::byte> bytes, DType stored);

/// An exception that libtorch threw while doing `what`, as an error value.
Error torch_error(const c10::Error& error, const std::string& what);

}  // namespace cecollm::model
