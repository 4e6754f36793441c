#pragma once
// What a CUDA pass of few rows works on, as plain values that host and kernels share.
// Internal to model/cuda_* and model/torch_cuda.cpp.

#include <cstdint>
#include <string>

struct CUstream_st;

namespace cecollm::model::cuda {

using Stream = CUstream_st*;

/// Most rows of one pass: its description travels as the argument of a kernel.
inline constexpr int max_rows = 128;

/// Where a row's session keeps keys and values: bf16 [layers][2][capacity][kv_heads][head_dim].
struct RowPlace {
  void* cache;
  std::int32_t capacity;  // positions
  std::int32_t position;  // of the row
};

/// One pass. Rows of one session may come in any number; each sees the positions up to its own.
struct Pass {
  const void* input;  // bf16 [rows, d]
  void* output;       // bf16 [rows, d]
  std::int32_t rows;
  RowPlace places[max_rows];
};

/// Sizes of a layer. All products run over bf16 weights [outputs, inputs].
struct LayerShape {
  int hidden;
  int ffn;
  int heads;
  int kv_heads;
  int head_dim;
  float eps;
  int query_values() const { return heads * head_dim; }
  int key_values() const { return kv_heads * head_dim; }
};

/// Whether the kernels are made for these sizes, and compiled for the device that is current.
bool supports(const LayerShape& shape);

/// Device pointers to one layer's bf16 weights, named as in torch_weights.hpp.
struct LayerPointers {
  const void* input_norm;
  const void* qkv;
  const void* output;
  const void* post_attention_norm;
  const void* gate_up;
  const void* down;
  std::int32_t window;  // of attention; 0: all positions
};

/// Empty: done. Otherwise what CUDA said.
using Problem = std::string;

}  // namespace cecollm::model::cuda
