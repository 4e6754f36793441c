#pragma once
// Device memory that its owner frees, and errors of CUDA as sentences. Internal to model/cuda_*.

#include <cstddef>
#include <utility>

#include <cuda_runtime_api.h>

#include "model/cuda_pass.hpp"

namespace cecollm::model::cuda {

/// Empty where `status` is success.
inline Problem problem_of(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return {};
  return std::string(what) + ": " + cudaGetErrorString(status);
}

template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  /// Contents are not set. Null where `problem` says why.
  DeviceArray(std::size_t count, Problem& problem) {
    if (!problem.empty()) return;
    problem = problem_of(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)),
                         "no device memory");
    if (!problem.empty()) data_ = nullptr;
  }
  DeviceArray(DeviceArray&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  // Fails only where the process is ending anyway.
  ~DeviceArray() { static_cast<void>(cudaFree(data_)); }

  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
};

}  // namespace cecollm::model::cuda
