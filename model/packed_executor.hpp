#pragma once
// Layers and heads in fp32 over packed weights, on a team of threads that goes through all layers
// of a pass together: four waits a layer, no allocation, no tensor. The same mathematics as
// run_layers (torch_layer.hpp), its reference.

#include <cstdint>
#include <memory>
#include <span>

#include "model/packed_pass.hpp"
#include "model/thread_team.hpp"

namespace cecollm::model {

/// Memory for floats that begins a cache line, is not initialised, and only grows.
class FloatBuffer {
 public:
  /// At least `count` floats. Forgets what was in it where it grows.
  float* reserve(std::int64_t count);

 private:
  struct Release {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Release> data_;
  std::int64_t size_ = 0;
};

/// Has the threads and the memory that passes work in. One call at a time. What does not fit into
/// memory is std::bad_alloc, before anything is computed.
class PackedExecutor {
 public:
  /// `threads` at most; few rows of a small model take fewer.
  PackedExecutor(const PackedShape& shape, int threads) : shape_(shape), team_(threads) {}

  void run_layers(PackedBatch& batch);

  /// Logits [rows, lm_head.outputs()] of `hidden` [rows, d].
  void logits(const float* hidden, std::int64_t rows, std::span<const float> norm,
              const PackedLinear& lm_head, float* out);

 private:
  PassMemory memory_for(std::int64_t rows, std::int64_t most_positions);
  int useful_members(std::int64_t products) const;

  PackedShape shape_;
  ThreadTeam team_;
  FloatBuffer scratch_;
};

}  // namespace cecollm::model
