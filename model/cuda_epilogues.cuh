#pragma once
// What becomes of a product's sums (cuda_product.cuh): the parts of a layer that work on one output
// at a time, done where the sums are.
//
// RMSNorm scales a row by one number, so a product may be taken over x ∘ weight and scaled
// afterwards. Who writes a row's values writes that product of the next norm too, and for each 16 of
// them the sum of their squares; who multiplies them by a matrix adds these sums up in its epilogue.

#include "model/cuda_product.cuh"

namespace cecollm::model::cuda {

/// Rows on their way into a norm: the running state, what the next product reads, sums of squares.
struct NormedRows {
  float* state;        // [rows, d]
  bf16* weighted;      // [rows, d]: state ∘ the norm's weight
  float* squares;      // [rows, d / 16]
  const bf16* weight;  // [d] of the norm
  int hidden;
  float eps;
};

/// Takes over a value of a row: writes what follows from it, and the sum of squares of the tile of 16
/// that eight lanes hold two values each of.
__device__ inline void write_state(const NormedRows& rows, int row, int first, int second, int tile,
                                   bool leader, bool valid, float a, float b) {
  float squares = a * a + b * b;
#pragma unroll
  for (int lane = 4; lane > 0; lane /= 2) {
    squares += __shfl_xor_sync(0xFFFFFFFFU, squares, lane, 8);
  }
  if (!valid) return;
  const std::size_t begin = static_cast<std::size_t>(row) * rows.hidden;
  rows.state[begin + first] = a;
  rows.state[begin + second] = b;
  rows.weighted[begin + first] = __float2bfloat16(a * __bfloat162float(rows.weight[first]));
  rows.weighted[begin + second] = __float2bfloat16(b * __bfloat162float(rows.weight[second]));
  if (leader) rows.squares[row * (rows.hidden / tile_outputs) + tile] = squares;
}

/// One number a row into `scales`: 1 / root mean square. A warp takes a row at a time.
__device__ inline void load_scales(const NormedRows& rows, int count, float* scales) {
  const int lane = threadIdx.x % 32;
  const int tiles = rows.hidden / tile_outputs;
  for (int row = threadIdx.x / 32; row < count; row += product_warps) {
    float sum = 0;
    for (int i = lane; i < tiles; i += 32) sum += rows.squares[row * tiles + i];
#pragma unroll
    for (int other = 16; other > 0; other /= 2) sum += __shfl_xor_sync(0xFFFFFFFFU, sum, other);
    if (lane == 0) scales[row] = rsqrtf(sum / static_cast<float>(rows.hidden) + rows.eps);
  }
}

/// Queries, keys and values: rotates queries and keys, and puts keys and values into the caches. A
/// tile holds eight pairs that rotate together: values i and i + head_dim / 2 of one head.
struct QkvEpilogue {
  NormedRows rows;
  bf16* queries;             // [rows, heads, head_dim]
  const float* frequencies;  // [head_dim / 2]
  int heads, kv_heads, head_dim, layer;

  __device__ int head(int tile) const { return tile / (head_dim / 16); }
  __device__ int within(int tile) const { return tile % (head_dim / 16) * 8; }
  __device__ int first(int tile) const { return head(tile) * head_dim + within(tile); }
  __device__ int second(int tile) const { return first(tile) + head_dim / 2; }

  __device__ void load(const Pass& pass, float* scales) { load_scales(rows, pass.rows, scales); }
  __device__ void finish(const Pass& pass, const float* scales, int tile, int output, int row,
                         float a, float b) const {
    if (row < pass.rows) store(pass, tile, output, row, a * scales[row], b * scales[row]);
  }
  __device__ void store(const Pass& pass, int tile, int output, int row, float a, float b) const {
    const int number = head(tile);
    const int place = within(tile) + output;
    float one = a;
    float two = b;
    if (number < heads + kv_heads) {
      float cosine;
      float sine;
      sincosf(static_cast<float>(pass.places[row].position) * frequencies[place], &sine, &cosine);
      one = a * cosine - b * sine;
      two = b * cosine + a * sine;
    }
    bf16* target = nullptr;
    if (number < heads) {
      target = queries + (static_cast<std::size_t>(row) * heads + number) * head_dim;
    } else {
      const RowPlace& where = pass.places[row];
      const bool is_key = number < heads + kv_heads;
      const int kv_head = number - heads - (is_key ? 0 : kv_heads);
      const std::size_t table = 2 * static_cast<std::size_t>(layer) + (is_key ? 0 : 1);
      target = static_cast<bf16*>(where.cache) +
               ((table * where.capacity + where.position) * kv_heads + kv_head) * head_dim;
    }
    target[place] = __float2bfloat16(one);
    target[place + head_dim / 2] = __float2bfloat16(two);
  }
};

/// Sixteen consecutive outputs.
struct ConsecutiveOutputs {
  __device__ int first(int tile) const { return tile * tile_outputs; }
  __device__ int second(int tile) const { return tile * tile_outputs + 8; }
};

/// Adds to the state; the end of a block of attention or of a feed-forward block. The last one of a
/// pass writes the pass's output instead of what a next norm would want.
struct ResidualEpilogue : ConsecutiveOutputs {
  NormedRows next;
  bool last;

  __device__ void load(const Pass&, float*) {}
  __device__ void finish(const Pass& pass, const float*, int tile, int output, int row, float a,
                         float b) const {
    const bool valid = row < pass.rows;
    const int one = first(tile) + output;
    const int two = second(tile) + output;
    const std::size_t begin = static_cast<std::size_t>(row) * next.hidden;
    if (valid) {
      a += next.state[begin + one];
      b += next.state[begin + two];
    }
    if (!last) {
      write_state(next, row, one, two, tile, output == 0, valid, a, b);
    } else if (valid) {
      static_cast<bf16*>(pass.output)[begin + one] = __float2bfloat16(a);
      static_cast<bf16*>(pass.output)[begin + two] = __float2bfloat16(b);
    }
  }
};

__device__ inline float silu(float x) {
  return x / (1.0F + __expf(-x));
}

/// silu(gate) · up; a tile holds eight outputs of each.
struct GateEpilogue {
  NormedRows rows;
  bf16* gated;  // [rows, ffn]
  int ffn;

  __device__ int first(int tile) const { return tile * 8; }
  __device__ int second(int tile) const { return ffn + tile * 8; }
  __device__ void load(const Pass& pass, float* scales) { load_scales(rows, pass.rows, scales); }
  __device__ void finish(const Pass& pass, const float* scales, int tile, int output, int row,
                         float gate, float up) const {
    if (row >= pass.rows) return;
    gated[static_cast<std::size_t>(row) * ffn + tile * 8 + output] =
        __float2bfloat16(silu(gate * scales[row]) * (up * scales[row]));
  }
};

struct LogitEpilogue : ConsecutiveOutputs {
  NormedRows rows;
  float* logits;  // [rows, vocab]
  int vocab;

  __device__ void load(const Pass& pass, float* scales) { load_scales(rows, pass.rows, scales); }
  __device__ void finish(const Pass& pass, const float* scales, int tile, int output, int row,
                         float a, float b) const {
    if (row >= pass.rows) return;
    const std::size_t begin = static_cast<std::size_t>(row) * vocab;
    logits[begin + first(tile) + output] = a * scales[row];
    logits[begin + second(tile) + output] = b * scales[row];
  }
};

}  // namespace cecollm::model::cuda
