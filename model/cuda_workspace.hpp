#pragma once
// What passes compute in. Internal to model/cuda_*.cu.

#include <memory>

#include <cublas_v2.h>
#include <cuda_bf16.h>

#include "model/cuda_layers.hpp"
#include "model/cuda_memory.hpp"

namespace cecollm::model::cuda {

class Workspace {
 public:
  Workspace(const LayerShape& shape, int vocab, Problem& problem);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();

  /// y [rows, outputs] = x [rows, inputs] Wᵀ (+ y) by the library; `Out` is float or bf16.
  template <class Out>
  Problem multiply(const void* weight, const __nv_bfloat16* x, Out* y, int outputs, int inputs,
                   int rows, bool add, Stream stream);

  LayerShape shape;
  int vocab;
  int multiprocessors = 0;  // of the device
  DeviceArray<Pass> pass;
  DeviceArray<float> state;              // [max_rows, d]
  DeviceArray<__nv_bfloat16> weighted;   // [max_rows, d]
  DeviceArray<float> squares;            // [max_rows, d / 16]
  DeviceArray<__nv_bfloat16> queries;    // [max_rows, heads head_dim]
  DeviceArray<__nv_bfloat16> attention;  // [max_rows, heads head_dim]
  DeviceArray<__nv_bfloat16> gated;      // [max_rows, ffn]
  DeviceArray<float> qkv;                // [max_rows, (heads + 2 kv_heads) head_dim]
  DeviceArray<__nv_bfloat16> gate_up;    // [max_rows, 2 ffn]
  DeviceArray<float> logits;             // [max_rows, vocab]
  DeviceArray<GreedyReading> readings;   // [max_rows]

 private:
  cublasHandle_t library_ = nullptr;
  DeviceArray<std::byte> library_memory_;
};

}  // namespace cecollm::model::cuda
