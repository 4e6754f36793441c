#include "model/packed_executor.hpp"

#include <algorithm>
#include <cstddef>
#include <new>

namespace cecollm::model {
namespace {

constexpr std::int64_t cache_line = 64;
constexpr std::int64_t line_floats = cache_line / static_cast<std::int64_t>(sizeof(float));

// Products of one member in a layer that are worth another's help: some ten microseconds.
constexpr std::int64_t worthwhile_products = std::int64_t{1} << 18;

/// From one row to the next, whole cache lines and one more: rows that lie at the same place of
/// their pages would drive each other out of the first-level cache.
std::int64_t stride_of(std::int64_t values) {
  return (values + line_floats - 1) / line_floats * line_floats + line_floats;
}

std::int64_t products_of(const PackedMatrix& matrix) {
  return matrix.outputs() * matrix.inputs();
}

std::int64_t products_of(const PackedLayer& layer) {
  return products_of(layer.qkv.matrix) + products_of(layer.output.matrix) +
         products_of(layer.gate.matrix) + products_of(layer.up.matrix) +
         products_of(layer.down.matrix);
}

std::int64_t most_positions(const PackedBatch& batch) {
  std::int64_t most = 0;
  for (const auto& row : batch.rows) most = std::max(most, row.position + 1);
  return most;
}

}  // namespace

void FloatBuffer::Release::operator()(float* data) const {
  ::operator delete[](data, std::align_val_t{cache_line});
}

float* FloatBuffer::reserve(std::int64_t count) {
  if (count <= size_) return data_.get();
  data_.reset();
  size_ = 0;
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  data_.reset(static_cast<float*>(::operator new[](bytes, std::align_val_t{cache_line})));
  size_ = count;
  return data_.get();
}

int PackedExecutor::useful_members(std::int64_t products) const {
  const std::int64_t most = 1 + products / worthwhile_products;
  return static_cast<int>(std::min<std::int64_t>(most, team_.threads()));
}

PassMemory PackedExecutor::memory_for(std::int64_t rows, std::int64_t most_positions) {
  const auto& s = shape_;
  const std::int64_t d = stride_of(s.hidden_size);
  const std::int64_t qkv = stride_of((s.heads + 2 * s.kv_heads) * s.head_dim);
  const std::int64_t attention = stride_of(s.heads * s.head_dim);
  const std::int64_t ffn = stride_of(s.ffn);
  const std::int64_t scores = stride_of(s.heads * most_positions);
  const std::int64_t tile = std::min(rows, most_rows_at_once) * panel_outputs;
  const std::int64_t own = few_rows * d + scores + 2 * tile;
  float* next = scratch_.reserve(rows * (2 * d + qkv + attention + ffn) + own * team_.threads());
  const auto take = [&next](std::int64_t count) {
    float* taken = next;
    next += count;
    return taken;
  };
  PassMemory memory;
  memory.state = {take(rows * d), d};
  memory.normed = {take(rows * d), d};
  memory.qkv = {take(rows * qkv), qkv};
  memory.attention = {take(rows * attention), attention};
  memory.gated = {take(rows * ffn), ffn};
  for (int i = 0; i < team_.threads(); ++i) {
    memory.own.push_back({{take(few_rows * d), d}, take(scores), take(tile), take(tile)});
  }
  return memory;
}

void PackedExecutor::run_layers(PackedBatch& batch) {
  const auto rows = static_cast<std::int64_t>(batch.rows.size());
  const std::int64_t d = shape_.hidden_size;
  const auto memory = memory_for(rows, most_positions(batch));
  for (std::int64_t row = 0; row < rows; ++row) {
    std::copy_n(batch.hidden + row * d, d, memory.state.row(row));
  }
  const PackedPass pass(shape_, batch, memory);
  team_.run(useful_members(products_of(*batch.layers.front()) * rows),
            [&](const ThreadTeam::Member& member) { pass.run(member); });
  for (std::int64_t row = 0; row < static_cast<std::int64_t>(batch.kept.size()); ++row) {
    std::copy_n(memory.state.row(row), d, batch.hidden + row * d);
  }
}

void PackedExecutor::logits(const float* hidden, std::int64_t rows, std::span<const float> norm,
                            const PackedLinear& lm_head, float* out) {
  const auto memory = memory_for(rows, 0);
  // Only read.
  const RowBuffer input{const_cast<float*>(hidden), shape_.hidden_size};
  const RowBuffer output{out, lm_head.matrix.outputs()};
  team_.run(useful_members(products_of(lm_head.matrix) * rows),
            [&](const ThreadTeam::Member& member) {
              const auto normed = norm_rows(member, memory, input, rows, norm, shape_.eps);
              multiply_share(member, lm_head, normed, rows, output, /*add=*/false);
            });
}

}  // namespace cecollm::model
