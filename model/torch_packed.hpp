#pragma once
// Layers of a part over packed weights: run_layers (torch_layer.hpp) for fp32 on a CPU.
// Internal to model/torch_*.

#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/config.hpp"
#include "model/packed_layer.hpp"
#include "model/partition.hpp"
#include "model/torch_layer.hpp"
#include "model/torch_rope.hpp"

namespace cecollm::model {

/// Divides work as libtorch divides its own.
void torch_parallel_for(std::int64_t count, std::int64_t grain,
                        const std::function<void(std::int64_t, std::int64_t)>& body);

/// As run_layers. `weights` are the part's layers, the first of which is `first_layer`.
at::Tensor run_packed_layers(const at::Tensor& hidden, const ModelConfig& config,
                             std::span<const std::shared_ptr<const PackedLayer>> weights,
                             int first_layer, LayerRange layers, RopeTable& rope,
                             std::span<const RowSpan> spans, OutputRows output);

/// fp32 logits [n, vocab] of rows [n, d].
at::Tensor packed_logits(const at::Tensor& rows, std::span<const float> norm,
                         const PackedLinear& lm_head, double eps);

}  // namespace cecollm::model
