#pragma once
// Kernels that go over rows without a matrix: the beginning of a pass, and norms.

#include "model/cuda_epilogues.cuh"

namespace cecollm::model::cuda {

/// The description of a pass, from a kernel's argument into memory that recorded kernels read.
static __global__ void set_pass(const __grid_constant__ Pass pass, Pass* target) {
  const auto* from = reinterpret_cast<const int*>(&pass);
  auto* to = reinterpret_cast<int*>(target);
  for (int i = threadIdx.x; i < static_cast<int>(sizeof(Pass) / sizeof(int)); i += blockDim.x) {
    to[i] = from[i];
  }
}

/// The input of a pass as its state. Grid (d / 256 rounded up, rows), 128 threads, two values each.
static __global__ void begin_rows(const Pass* pass, NormedRows rows) {
  allow_next_kernel();
  wait_for_previous_kernel();
  const int row = blockIdx.y;
  const int tile = (blockIdx.x * blockDim.x + threadIdx.x) / 8;
  const int first = tile * tile_outputs + threadIdx.x % 8;
  const bool valid = row < pass->rows && first < rows.hidden;
  const std::size_t begin = static_cast<std::size_t>(row) * rows.hidden;
  const auto* input = static_cast<const bf16*>(pass->input);
  const float a = valid ? __bfloat162float(input[begin + first]) : 0.0F;
  const float b = valid ? __bfloat162float(input[begin + first + 8]) : 0.0F;
  write_state(rows, row, first, first + 8, tile, threadIdx.x % 8 == 0, valid, a, b);
}

/// RMSNorm of the state into `normed` (zero beyond the pass), or the end of a pass: the state as its
/// output. A block a row.
static __global__ void norm_rows(const Pass* pass, NormedRows rows, bf16* normed, bool last) {
  allow_next_kernel();
  wait_for_previous_kernel();
  __shared__ float sums[32];
  const int row = blockIdx.x;
  const std::size_t begin = static_cast<std::size_t>(row) * rows.hidden;
  const bool valid = row < pass->rows;
  if (last) {
    if (!valid) return;
    for (int i = threadIdx.x; i < rows.hidden; i += blockDim.x) {
      static_cast<bf16*>(pass->output)[begin + i] = __float2bfloat16(rows.state[begin + i]);
    }
    return;
  }
  float squares = 0;
  for (int i = threadIdx.x; i < rows.hidden; i += blockDim.x) {
    squares += rows.state[begin + i] * rows.state[begin + i];
  }
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    squares += __shfl_xor_sync(0xFFFFFFFFU, squares, lane);
  }
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = squares;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < static_cast<int>(blockDim.x) / 32; ++i) sum += sums[i];
  const float scale = valid ? rsqrtf(sum / static_cast<float>(rows.hidden) + rows.eps) : 0.0F;
  for (int i = threadIdx.x; i < rows.hidden; i += blockDim.x) {
    const float value = valid ? rows.state[begin + i] * scale : 0.0F;
    normed[begin + i] = __float2bfloat16(value * __bfloat162float(rows.weight[i]));
  }
}

}  // namespace cecollm::model::cuda
