#pragma once
// Attention of single queries over the caches, softmax in fp32. A block takes one query head of one
// row; its lanes stand in teams that read one key and one value at a time, 16 bytes a lane, and keep
// a softmax of their own (as in FlashAttention, arXiv 2205.14135), merged at the end.

#include "model/cuda_product.cuh"

namespace cecollm::model::cuda {

inline constexpr int attention_threads = 256;

__device__ inline void unpack(const uint4& packed, float (&values)[8]) {
  const auto* pairs = reinterpret_cast<const __nv_bfloat162*>(&packed);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = __bfloat1622float2(pairs[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

/// Grid (heads, rows).
template <int HeadDim>
__global__ void __launch_bounds__(attention_threads)
    attend(const Pass* pass, const bf16* queries, bf16* out, int kv_heads, int layer, int window) {
  constexpr int team = HeadDim / 8;  // lanes
  constexpr int teams = attention_threads / team;
  constexpr int unroll = 4;
  __shared__ float merged[teams][HeadDim + 1];
  __shared__ float team_max[teams];
  __shared__ float team_sum[teams];
  allow_next_kernel();
  const int row = blockIdx.y;
  if (row >= pass->rows) {
    wait_for_previous_kernel();
    return;
  }
  const RowPlace place = pass->places[row];
  const int heads = gridDim.x;
  const int kv_head = blockIdx.x / (heads / kv_heads);
  const int number = threadIdx.x / team;
  const int lane = threadIdx.x % team;
  const int end = place.position + 1;
  const int begin = window > 0 ? max(0, end - window) : 0;
  const std::size_t stride = static_cast<std::size_t>(kv_heads) * HeadDim;
  const bf16* keys = static_cast<const bf16*>(place.cache) +
                     2 * static_cast<std::size_t>(layer) * place.capacity * stride +
                     kv_head * HeadDim + lane * 8;
  const bf16* values = keys + place.capacity * stride;
  wait_for_previous_kernel();

  float q[8];
  unpack(*reinterpret_cast<const uint4*>(
             queries + (static_cast<std::size_t>(row) * heads + blockIdx.x) * HeadDim + lane * 8),
         q);
  const float scale = rsqrtf(static_cast<float>(HeadDim));
#pragma unroll
  for (float& value : q) value *= scale;

  float largest = -INFINITY;
  float sum = 0;
  float result[8] = {};
  // The same count for all teams of a warp: their lanes shuffle together.
  for (int base = begin; base < end; base += teams * unroll) {
    uint4 key[unroll];
    uint4 value[unroll];
    float score[unroll];
#pragma unroll
    for (int i = 0; i < unroll; ++i) {
      const int position = min(base + i * teams + number, end - 1);
      key[i] = *reinterpret_cast<const uint4*>(keys + position * stride);
      value[i] = *reinterpret_cast<const uint4*>(values + position * stride);
    }
    float now = largest;
#pragma unroll
    for (int i = 0; i < unroll; ++i) {
      float k[8];
      unpack(key[i], k);
      float dot = 0;
#pragma unroll
      for (int j = 0; j < 8; ++j) dot += q[j] * k[j];
#pragma unroll
      for (int other = team / 2; other > 0; other /= 2) {
        dot += __shfl_xor_sync(0xFFFFFFFFU, dot, other);
      }
      score[i] = base + i * teams + number < end ? dot : -INFINITY;
      now = fmaxf(now, score[i]);
    }
    if (now == -INFINITY) continue;  // nothing for this team
    const float shrink = __expf(largest - now);
    largest = now;
    sum *= shrink;
#pragma unroll
    for (float& r : result) r *= shrink;
#pragma unroll
    for (int i = 0; i < unroll; ++i) {
      const float weight = __expf(score[i] - now);
      float v[8];
      unpack(value[i], v);
      sum += weight;
#pragma unroll
      for (int j = 0; j < 8; ++j) result[j] += weight * v[j];
    }
  }
#pragma unroll
  for (int j = 0; j < 8; ++j) merged[number][lane * 8 + j] = result[j];
  if (lane == 0) {
    team_max[number] = largest;
    team_sum[number] = sum;
  }
  __syncthreads();
  if (threadIdx.x >= HeadDim) return;
  float top = team_max[0];
  for (int i = 1; i < teams; ++i) top = fmaxf(top, team_max[i]);
  float total = 0;
  float mixed = 0;
  for (int i = 0; i < teams; ++i) {
    const float weight = __expf(team_max[i] - top);
    total += weight * team_sum[i];
    mixed += weight * merged[i][threadIdx.x];
  }
  out[(static_cast<std::size_t>(row) * heads + blockIdx.x) * HeadDim + threadIdx.x] =
      __float2bfloat16(mixed / total);
}

}  // namespace cecollm::model::cuda
