#pragma once
// Layers and heads for passes of few rows on a CUDA device, with kernels of our own: the same
// mathematics as run_layers (torch_layer.hpp), their reference, in bf16 with fp32 sums and an fp32
// running state. No libtorch and no CUDA header here; pointers are the device's. One thread at a
// time; a pass is done when the work on its stream is.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/cuda_pass.hpp"

namespace cecollm::model::cuda {

/// What passes compute in, shared by the stages and heads of a part. On the device that was
/// current.
class Workspace;
std::shared_ptr<Workspace> make_workspace(const LayerShape& shape, int vocab, Problem& problem);

/// A run of layers. Up to 16 rows go through kernels of our own, more through the library's
/// products between them; a pass is recorded once for a number of rows and replayed (CUDA graphs).
class LayerStack {
 public:
  virtual ~LayerStack() = default;
  /// Runs pass.rows rows, at least 1 and at most max_rows. Their keys and values are written.
  virtual Problem run(const Pass& pass, Stream stream) = 0;
};
/// `frequencies` [head_dim / 2] of the rotary embedding, on the host.
std::unique_ptr<LayerStack> make_layer_stack(std::shared_ptr<Workspace> workspace,
                                             std::span<const LayerPointers> layers,
                                             std::span<const float> frequencies, Problem& problem);

/// What a head says of one row: the lowest id among its largest logits.
struct GreedyReading {
  int token;
  float sum;   // of exp(logit - largest) over the vocabulary
  int finite;  // 0 where a logit is not
};

struct HeadPointers {
  const void* norm;     // bf16 [d]
  const void* lm_head;  // bf16 [vocab, d]
};

/// Reads rows [count, d] in bf16, at most max_rows: `readings` [count] on the host, after the
/// stream has been waited for.
Problem read_head(Workspace& workspace, const HeadPointers& head, const void* rows, int count,
                  GreedyReading* readings, Stream stream);

}  // namespace cecollm::model::cuda
