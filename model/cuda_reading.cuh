#pragma once
// The greedy token of each row and how sure the head is, without the logits leaving the device.

#include <cuda_runtime.h>

#include "model/cuda_layers.hpp"
#include "model/cuda_product.cuh"

namespace cecollm::model::cuda {

inline constexpr int reading_threads = 1024;

/// Largest value so far, the lowest id that has it, and the sum of exp(value - largest).
struct Running {
  float largest = -INFINITY;
  float sum = 0;
  int id = 0x7FFFFFFF;
};

__device__ inline Running merge(const Running& a, const Running& b) {
  const bool first = a.largest > b.largest || (a.largest == b.largest && a.id < b.id);
  Running result = first ? a : b;
  const Running& other = first ? b : a;
  if (other.largest > -INFINITY) result.sum += other.sum * expf(other.largest - result.largest);
  return result;
}

/// A block a row of `logits` [rows, vocab].
static __global__ void __launch_bounds__(reading_threads)
    read_greedy(const float* logits, int vocab, GreedyReading* readings) {
  allow_next_kernel();
  wait_for_previous_kernel();
  __shared__ Running merged[reading_threads / 32];
  const float* row = logits + static_cast<std::size_t>(blockIdx.x) * vocab;
  Running own;
  int finite = 1;
  for (int i = threadIdx.x; i < vocab; i += reading_threads) {
    const float value = row[i];
    if (!isfinite(value)) {
      finite = 0;
    } else if (value > own.largest) {
      own.sum = own.sum * expf(own.largest - value) + 1.0F;
      own.largest = value;
      own.id = i;
    } else {
      own.sum += expf(value - own.largest);
    }
  }
  finite = __syncthreads_and(finite);
  const auto merge_lanes = [&] {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) {
      Running other;
      other.largest = __shfl_xor_sync(0xFFFFFFFFU, own.largest, lane);
      other.sum = __shfl_xor_sync(0xFFFFFFFFU, own.sum, lane);
      other.id = __shfl_xor_sync(0xFFFFFFFFU, own.id, lane);
      own = merge(own, other);
    }
  };
  merge_lanes();
  if (threadIdx.x % 32 == 0) merged[threadIdx.x / 32] = own;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  own = merged[threadIdx.x];
  merge_lanes();
  if (threadIdx.x == 0) readings[blockIdx.x] = {own.id, own.sum, finite};
}

}  // namespace cecollm::model::cuda
