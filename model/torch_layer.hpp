#pragma once
// Transformer layers over packed rows of many sessions. Internal to model/torch_*.

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/config.hpp"
#include "model/partition.hpp"
#include "model/torch_attention.hpp"
#include "model/torch_rope.hpp"
#include "model/torch_weights.hpp"

namespace cecollm::model {

/// Whose rows must come out of a run of layers.
enum class OutputRows {
  all,
  last_of_session,  // only the rows that a head will read: the last layer skips the others
};

/// Factors of the rows of `spans`, in their order.
RopeFactors factors_of(std::span<const RowSpan> spans, RopeTable& rope,
                       const at::TensorOptions& options);

/// The rows of `tensor` [n, …] that spans of one row stand for; itself where these are all.
at::Tensor select_rows(const at::Tensor& tensor, std::span<const RowSpan> single_rows);

/// The last row of every span that ends its session, as spans of one row.
std::vector<RowSpan> last_rows(std::span<const RowSpan> spans);

/// Runs `layers` over `hidden` [n, d], whose rows `spans` describe; every cache has room for them
/// and counts its layers from layers.begin. Writes their keys and values. The result is [n, d], or
/// one row for each span that ends its session; undefined where there is none. `hidden` is left as
/// it is.
at::Tensor run_layers(const at::Tensor& hidden, const ModelConfig& config,
                      const PartWeights& weights, LayerRange layers, RopeTable& rope,
                      std::span<const RowSpan> spans, OutputRows output);

}  // namespace cecollm::model
