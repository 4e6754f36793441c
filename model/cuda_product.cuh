#pragma once
// y = x Wᵀ for few rows of x: bounded by reading W once from memory, so that all it is made for is
// never to let the memory rest.
//
// There is one block a multiprocessor, and it walks over tiles of 16 outputs. The block's warps divide
// a tile's inputs among themselves and add up what they found at its end. Each lane copies the weights
// and the values of x that it will need itself into shared memory of its own, some steps ahead and on
// into the next tiles (asynchronous copies of 16 bytes): there is nobody to wait for but the memory.
//
// A lane holds its weights in the layout of a tensor-core product of 16 outputs, 8 rows of x and 16
// inputs (mma.m16n8k16): the sum does not depend on the order of its terms, so eight consecutive inputs
// of a lane may stand for the columns that the instruction gives this lane, as long as x is read the
// same way. Rows of x beyond the pass count as zero.
//
// A kernel begins before the one whose results it reads has ended (programmatic dependent launch) and
// spends that time on copying weights, which depend on nothing.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "model/cuda_pass.hpp"

namespace cecollm::model::cuda {

using bf16 = __nv_bfloat16;

inline constexpr int product_warps = 16;
inline constexpr int product_threads = 32 * product_warps;
inline constexpr int tile_outputs = 16;
inline constexpr int chunk_inputs = 32;  // that one load of a warp takes of each output's weights
inline constexpr int step_chunks = 2;    // of a warp at a time: 128 bytes of a row
inline constexpr int step_inputs = step_chunks * chunk_inputs;
// Shared memory that a block's copies may take: nearly all there is, since what is on its way keeps the
// memory busy. Half of it, which would let the next kernel's block in beside it, was slower for a
// single row (4.6 ms instead of 3.6; docs/gpu.md).
inline constexpr int copy_bytes = 210 * 1024;

/// From here on the next kernel may be launched, though it must not read this one's results yet.
__device__ inline void allow_next_kernel() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}

/// Until here nothing that an earlier kernel wrote may be read, and nothing that it reads written.
__device__ inline void wait_for_previous_kernel() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

__device__ inline void copy_ahead(uint4* to, const bf16* from) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from)
               : "memory");
}

__device__ inline void end_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until all copies of this thread have arrived but those of the last `Pending` groups.
template <int Pending>
__device__ inline void wait_for_copies_but() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

__device__ inline void multiply_add(float (&sum)[4], unsigned a0, unsigned a1, unsigned a2,
                                    unsigned a3, unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// What the lanes of one warp have of one step, for each chunk: the weights of their output in the first
/// half of the tile and of the one in the second, and their values of the rows.
template <int Rows>
struct Step {
  uint4 weights[step_chunks][2][32];
  uint4 rows[step_chunks][4 * Rows];
};

template <int Rows>
inline constexpr int steps_ahead = copy_bytes / (product_warps * sizeof(Step<Rows>));

template <int Rows>
struct ProductMemory {
  Step<Rows> steps[steps_ahead<Rows>][product_warps];
  float scales[Rows];
  // What each warp found; tiles take turns, so that one is added up while the next is computed.
  float sums[2][product_warps][tile_outputs][Rows + 1];
};

/// One warp's way through the tiles of its block, step by step.
struct Walk {
  int tile;
  int begin;  // in the inputs
  __device__ Walk(int warp) : tile(blockIdx.x), begin(warp * step_inputs) {}
  __device__ void advance(int inputs, int warp) {
    begin += product_warps * step_inputs;
    if (begin < inputs) return;
    begin = warp * step_inputs;
    tile += gridDim.x;
  }
};

/// Epilogue:
///   int first(int tile), second(int tile)    which eight outputs stand in the tile's halves
///   void load(const Pass&, float* scales)    what finish wants; all threads
///   void finish(const Pass&, const float* scales, int tile, int output, int row, float a, float b)
/// finish gets outputs first + output and second + output of a row, once each; the eight lanes of
/// one row are neighbours, and all lanes of a warp call it together (row may be beyond the pass).
///
/// `Rows` is the most that a pass may have.
template <int Rows, class Epilogue>
__global__ void __launch_bounds__(product_threads)
    product(const Pass* pass, const bf16* weight, const bf16* x, int inputs, int tiles,
            Epilogue epilogue) {
  constexpr int ahead = steps_ahead<Rows>;
  constexpr int row_tiles = (Rows + 7) / 8;
  static_assert(ahead >= 2);
  extern __shared__ __align__(128) unsigned char dynamic[];
  auto& memory = *reinterpret_cast<ProductMemory<Rows>*>(dynamic);
  allow_next_kernel();
  const int warp = threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  const int group = lane / 4;
  const int offset = lane % 4 * 8;

  const auto copy_weights = [&](const Walk& at, int slot) {
    const std::size_t first = epilogue.first(at.tile) + group;
    const std::size_t second = epilogue.second(at.tile) + group;
    auto& step = memory.steps[slot][warp];
#pragma unroll
    for (int c = 0; c < step_chunks; ++c) {
      const int input = at.begin + c * chunk_inputs;
      if (at.tile >= tiles || input >= inputs) break;
      copy_ahead(&step.weights[c][0][lane], weight + first * inputs + input + offset);
      copy_ahead(&step.weights[c][1][lane], weight + second * inputs + input + offset);
    }
  };
  const auto copy_rows = [&](const Walk& at, int slot, int count) {
    auto& step = memory.steps[slot][warp];
#pragma unroll
    for (int c = 0; c < step_chunks; ++c) {
      const int input = at.begin + c * chunk_inputs;
      if (at.tile >= tiles || input >= inputs) break;
#pragma unroll
      for (int row = group; row < Rows; row += 8) {
        if (row >= count) break;
        copy_ahead(&step.rows[c][4 * row + lane % 4],
                   x + static_cast<std::size_t>(row) * inputs + input + offset);
      }
    }
  };

  Walk coming(warp);
  for (int i = 0; i + 1 < ahead; ++i) {
    copy_weights(coming, i);
    coming.advance(inputs, warp);
  }
  wait_for_previous_kernel();
  const int count = pass->rows;
  Walk begun(warp);
  for (int i = 0; i + 1 < ahead; ++i) {
    copy_rows(begun, i, count);
    begun.advance(inputs, warp);
  }
  end_copies();
  epilogue.load(*pass, memory.scales);

  int slot_coming = ahead - 1;
  int slot_now = 0;
  int turn = 0;
  bool first_step = true;
  for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x, turn ^= 1) {
    float sum[row_tiles][4] = {};
    // At least one step a tile, as Walk takes it.
    int begin = warp * step_inputs;
    do {
      copy_weights(coming, slot_coming);
      copy_rows(coming, slot_coming, count);
      end_copies();
      coming.advance(inputs, warp);
      if (++slot_coming == ahead) slot_coming = 0;
      // The steps before the first one's successor were copied together.
      if (first_step) {
        wait_for_copies_but<1>();
      } else {
        wait_for_copies_but<ahead - 1>();
      }
      first_step = false;
      const auto& step = memory.steps[slot_now][warp];
#pragma unroll
      for (int c = 0; c < step_chunks; ++c) {
        if (begin + c * chunk_inputs >= inputs) break;  // whatever an earlier tile left there
        const uint4 a = step.weights[c][0][lane];
        const uint4 b = step.weights[c][1][lane];
#pragma unroll
        for (int r = 0; r < row_tiles; ++r) {
          const int row = group + 8 * r;
          const uint4 v = row < Rows && row < count ? step.rows[c][4 * row + lane % 4]
                                                    : make_uint4(0, 0, 0, 0);
          multiply_add(sum[r], a.x, b.x, a.y, b.y, v.x, v.y);
          multiply_add(sum[r], a.z, b.z, a.w, b.w, v.z, v.w);
        }
      }
      if (++slot_now == ahead) slot_now = 0;
      begin += product_warps * step_inputs;
    } while (begin < inputs);

    auto& sums = memory.sums[turn];
#pragma unroll
    for (int r = 0; r < row_tiles; ++r) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = 8 * r + lane % 4 * 2 + i % 2;
        if (column < Rows) sums[warp][group + i / 2 * 8][column] = sum[r][i];
      }
    }
    __syncthreads();
    // Whole warps, as finish wants them.
    if (threadIdx.x >= (8 * Rows + 31) / 32 * 32) continue;
    const int output = threadIdx.x % 8;
    const int row = threadIdx.x / 8;
    float one = 0;
    float two = 0;
    if (row < Rows) {
#pragma unroll
      for (int w = 0; w < product_warps; ++w) {
        one += sums[w][output][row];
        two += sums[w][output + 8][row];
      }
    }
    epilogue.finish(*pass, memory.scales, tile, output, row, one, two);
  }
}

}  // namespace cecollm::model::cuda
