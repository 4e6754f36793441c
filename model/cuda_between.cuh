#pragma once
// What stands between the library's products where a pass has too many rows for ours: the epilogues
// of cuda_epilogues.cuh as kernels of their own.

#include "model/cuda_epilogues.cuh"

namespace cecollm::model::cuda {

/// QkvEpilogue for products that a library made: `qkv` fp32 [rows, (heads + 2 kv_heads) head_dim].
/// Grid (heads + 2 kv_heads, rows), head_dim / 2 threads.
static __global__ void rotate_rows(const Pass* pass, const float* qkv, QkvEpilogue epilogue) {
  allow_next_kernel();
  wait_for_previous_kernel();
  const int row = blockIdx.y;
  if (row >= pass->rows) return;
  const int half = epilogue.head_dim / 2;
  const int index = threadIdx.x;
  const float* head = qkv + (static_cast<std::size_t>(row) * gridDim.x + blockIdx.x) *
                                epilogue.head_dim;
  const int tile = blockIdx.x * (epilogue.head_dim / 16) + index / 8;
  epilogue.store(*pass, tile, index % 8, row, head[index], head[index + half]);
}

/// silu(gate) · up of `gate_up` bf16 [rows, 2 ffn].
static __global__ void gate_rows(const Pass* pass, const bf16* gate_up, bf16* gated, int ffn) {
  allow_next_kernel();
  wait_for_previous_kernel();
  const std::size_t row = blockIdx.y;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (static_cast<int>(row) >= pass->rows || i >= ffn) return;
  const float gate = __bfloat162float(gate_up[row * 2 * ffn + i]);
  const float up = __bfloat162float(gate_up[row * 2 * ffn + ffn + i]);
  gated[row * ffn + i] = __float2bfloat16(silu(gate) * up);
}

}  // namespace cecollm::model::cuda
