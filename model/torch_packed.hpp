#pragma once
// Layers of a part over packed weights: run_layers (torch_layer.hpp) for fp32 on a CPU.
// Internal to model/torch_*.

#include <span>

#include <ATen/core/Tensor.h>

#include "model/config.hpp"
#include "model/packed_weights.hpp"
#include "model/partition.hpp"
#include "model/torch_layer.hpp"
#include "model/torch_rope.hpp"

namespace cecollm::model {

/// As run_layers.
at::Tensor run_packed_layers(const at::Tensor& hidden, const ModelConfig& config,
                             const PackedWeights& weights, LayerRange layers, RopeTable& rope,
                             std::span<const RowSpan> spans, OutputRows output);

/// fp32 logits [n, vocab] of rows [n, d] by the head of `stage`.
at::Tensor packed_logits(const at::Tensor& rows, const PackedWeights& weights, std::size_t stage);

/// The rows of `matrix` that `ids` name: [ids, d].
at::Tensor packed_rows(std::span<const TokenId> ids, const PackedMatrix& matrix);

}  // namespace cecollm::model
