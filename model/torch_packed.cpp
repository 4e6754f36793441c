#include "model/torch_packed.hpp"

#include <algorithm>

#include <ATen/ATen.h>

namespace cecollm::model {
namespace {

/// The rows of `spans` as a batch, and those of them that `output` asks for.
PackedBatch batch_of(std::span<const RowSpan> spans, OutputRows output) {
  PackedBatch batch;
  batch.sessions = static_cast<std::int64_t>(spans.size());
  for (std::size_t s = 0; s < spans.size(); ++s) {
    const auto& span = spans[s];
    for (std::int64_t i = 0; i < span.count; ++i) {
      const bool last = span.ends_session && i + 1 == span.count;
      if (output == OutputRows::all || last) {
        batch.kept.push_back(static_cast<std::int64_t>(batch.rows.size()));
      }
      batch.rows.push_back({static_cast<std::int64_t>(s), span.position + i});
    }
  }
  return batch;
}

at::Tensor fp32_rows(std::int64_t count, std::int64_t width) {
  return at::empty({count, width}, at::TensorOptions().dtype(at::kFloat));
}

}  // namespace

at::Tensor run_packed_layers(const at::Tensor& hidden, const ModelConfig& config,
                             const PackedWeights& weights, LayerRange layers, RopeTable& rope,
                             std::span<const RowSpan> spans, OutputRows output) {
  auto batch = batch_of(spans, output);
  std::int64_t end = 0;
  for (const auto& row : batch.rows) end = std::max(end, row.position + 1);
  const auto factors = rope.range(0, end);
  batch.cosine = factors.cos.data_ptr<float>();
  batch.sine = factors.sin.data_ptr<float>();
  for (int index = layers.begin; index < layers.end; ++index) {
    batch.layers.push_back(
        weights.layers[static_cast<std::size_t>(index - weights.first_layer)].get());
    batch.windows.push_back(config.sliding_window[static_cast<std::size_t>(index)]);
    for (const auto& span : spans) batch.tables.push_back(span.cache->table(index - layers.begin));
  }
  auto state = hidden.clone(at::MemoryFormat::Contiguous);
  batch.hidden = state.data_ptr<float>();
  weights.executor->run_layers(batch);
  for (const auto& span : spans) span.cache->note_written(span.position + span.count);
  if (batch.kept.empty()) return {};
  return state.narrow(0, 0, static_cast<std::int64_t>(batch.kept.size()));
}

at::Tensor packed_logits(const at::Tensor& rows, const PackedWeights& weights, std::size_t stage) {
  const auto& head = weights.heads[stage];
  const auto input = rows.contiguous();
  auto logits = fp32_rows(input.size(0), head.lm_head->matrix.outputs());
  weights.executor->logits(input.data_ptr<float>(), input.size(0), *head.norm, *head.lm_head,
                           logits.data_ptr<float>());
  return logits;
}

at::Tensor packed_rows(std::span<const TokenId> ids, const PackedMatrix& matrix) {
  const auto width = static_cast<std::size_t>(matrix.inputs());
  auto rows = fp32_rows(static_cast<std::int64_t>(ids.size()), matrix.inputs());
  float* target = rows.data_ptr<float>();
  for (const TokenId id : ids) {
    matrix.read_row(id, {target, width});
    target += width;
  }
  return rows;
}

}  // namespace cecollm::model
