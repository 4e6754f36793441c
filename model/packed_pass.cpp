#include "model/packed_pass.hpp"

#include <algorithm>
#include <numeric>

#include "model/kernels.hpp"

namespace cecollm::model {
namespace {

/// Calls body(item) on this member's items: one after the other in turn, for those of later
/// positions cost more.
template <class Body>
void for_each_of_member(const ThreadTeam::Member& member, std::int64_t items, const Body& body) {
  for (std::int64_t item = member.index; item < items; item += member.count) body(item);
}

}  // namespace

void multiply_share(const ThreadTeam::Member& member, const PackedLinear& linear,
                    const RowBuffer& x, std::int64_t rows, const RowBuffer& y, bool add) {
  const auto panels = member.share_of(linear.matrix.panels());
  for (std::int64_t row = 0; row < rows; row += most_rows_at_once) {
    PackedMatrix::Operands operands;
    operands.x = x.row(row);
    operands.x_stride = x.stride;
    operands.rows = std::min(most_rows_at_once, rows - row);
    operands.y = y.row(row) + panels.begin * panel_outputs;
    operands.y_stride = y.stride;
    operands.add = add;
    linear.multiply(operands, panels.begin, panels.end);
  }
}

RowBuffer norm_rows(const ThreadTeam::Member& member, const PassMemory& memory, const RowBuffer& x,
                    std::int64_t rows, std::span<const float> weight, float eps) {
  if (rows <= few_rows) {
    const auto& own = memory.own[static_cast<std::size_t>(member.index)].normed;
    kernels::rms_norm(x.data, x.stride, rows, weight, eps, own.data, own.stride);
    return own;
  }
  const auto share = member.share_of(rows);
  kernels::rms_norm(x.row(share.begin), x.stride, share.end - share.begin, weight, eps,
                    memory.normed.row(share.begin), memory.normed.stride);
  member.wait_for_all();
  return memory.normed;
}

PackedPass::PackedPass(const PackedShape& shape, const PackedBatch& batch, const PassMemory& memory)
    : shape_(shape),
      batch_(batch),
      memory_(memory),
      group_(shape.heads / shape.kv_heads),
      all_rows_(batch.rows.size()) {
  std::iota(all_rows_.begin(), all_rows_.end(), 0);
}

void PackedPass::run(const Member& member) const {
  const std::span<const std::int64_t> kept(batch_.kept);
  auto rows = static_cast<std::int64_t>(batch_.rows.size());
  for (std::size_t i = 0; i < batch_.layers.size(); ++i) {
    const auto& layer = *batch_.layers[i];
    const auto normed =
        norm_rows(member, memory_, memory_.state, rows, layer.input_norm, shape_.eps);
    multiply_share(member, layer.qkv, normed, rows, memory_.qkv, /*add=*/false);
    member.wait_for_all();
    const bool drops_rows = i + 1 == batch_.layers.size() && kept.size() < batch_.rows.size();
    if (drops_rows && member.index == 0) {
      for (std::size_t k = 0; k < kept.size(); ++k) {
        std::copy_n(memory_.state.row(kept[k]), shape_.hidden_size,
                    memory_.state.row(static_cast<std::int64_t>(k)));
      }
    }
    attend_all(member, i, drops_rows ? kept : all_rows_);
    if (drops_rows) rows = static_cast<std::int64_t>(kept.size());
    if (rows == 0) return;
    member.wait_for_all();
    multiply_share(member, layer.output, memory_.attention, rows, memory_.state, /*add=*/true);
    member.wait_for_all();
    feed_forward(member, layer, rows);
    member.wait_for_all();
  }
}

void PackedPass::attend_all(const Member& member, std::size_t layer,
                            std::span<const std::int64_t> rows) const {
  const auto total = static_cast<std::int64_t>(batch_.rows.size());
  const auto needed = static_cast<std::int64_t>(rows.size());
  // A session's only row sees no key of this pass but its own, which whoever attends writes first.
  const bool at_once = batch_.sessions == total && needed == total;
  // A row's heads together read memory in its order; only where rows are fewer than members is a
  // row divided.
  const std::int64_t wanted = total < member.count ? member.count : 1;
  const std::int64_t parts = std::min(wanted, shape_.kv_heads);
  const auto heads_of = [&](std::int64_t part) {
    return Heads{shape_.kv_heads * part / parts, shape_.kv_heads * (part + 1) / parts};
  };
  if (!at_once) {
    for_each_of_member(member, total * parts, [&](std::int64_t item) {
      prepare(layer, item / parts, heads_of(item % parts));
    });
    member.wait_for_all();
  }
  for_each_of_member(member, needed * parts, [&](std::int64_t item) {
    const std::int64_t target = item / parts;
    const std::int64_t row = rows[static_cast<std::size_t>(target)];
    const auto heads = heads_of(item % parts);
    if (at_once) prepare(layer, row, heads);
    attend(member, layer, row, target, heads);
  });
}

const KvTable& PackedPass::table_of(std::size_t layer, std::int64_t row) const {
  const auto session = batch_.rows[static_cast<std::size_t>(row)].session;
  return batch_.tables[layer * static_cast<std::size_t>(batch_.sessions) +
                       static_cast<std::size_t>(session)];
}

void PackedPass::prepare(std::size_t layer, std::int64_t row, Heads heads) const {
  const auto& weights = *batch_.layers[layer];
  const std::int64_t position = batch_.rows[static_cast<std::size_t>(row)].position;
  const std::int64_t head_dim = shape_.head_dim;
  const std::int64_t count = heads.end - heads.begin;
  float* queries = memory_.qkv.row(row) + heads.begin * group_ * head_dim;
  float* keys = memory_.qkv.row(row) + (shape_.heads + heads.begin) * head_dim;
  const float* values = keys + shape_.kv_heads * head_dim;
  if (!weights.q_norm.empty()) {
    kernels::rms_norm(queries, head_dim, count * group_, weights.q_norm, shape_.eps, queries,
                      head_dim);
    kernels::rms_norm(keys, head_dim, count, weights.k_norm, shape_.eps, keys, head_dim);
  }
  const auto width = static_cast<std::size_t>(head_dim);
  const std::span cosine(batch_.cosine + position * head_dim, width);
  const std::span sine(batch_.sine + position * head_dim, width);
  kernels::rotate(queries, count * group_, cosine, sine);
  kernels::rotate(keys, count, cosine, sine);
  const auto& table = table_of(layer, row);
  const std::int64_t offset = (position * shape_.kv_heads + heads.begin) * head_dim;
  std::copy_n(keys, count * head_dim, table.keys + offset);
  std::copy_n(values, count * head_dim, table.values + offset);
}

void PackedPass::attend(const Member& member, std::size_t layer, std::int64_t row,
                        std::int64_t target, Heads heads) const {
  const std::int64_t position = batch_.rows[static_cast<std::size_t>(row)].position;
  const auto& table = table_of(layer, row);
  const std::int64_t window = batch_.windows[layer];
  const std::int64_t first = window > 0 ? std::max<std::int64_t>(0, position + 1 - window) : 0;
  kernels::AttentionGroup group;
  group.kv_heads = heads.end - heads.begin;
  group.queries = group_;
  group.head_dim = shape_.head_dim;
  group.count = position + 1 - first;
  group.stride = shape_.kv_heads * shape_.head_dim;
  const std::int64_t offset = (first * shape_.kv_heads + heads.begin) * shape_.head_dim;
  const std::int64_t queries = heads.begin * group_ * shape_.head_dim;
  kernels::attend(group, memory_.qkv.row(row) + queries, table.keys + offset, table.values + offset,
                  memory_.own[static_cast<std::size_t>(member.index)].scores,
                  memory_.attention.row(target) + queries);
}

void PackedPass::feed_forward(const Member& member, const PackedLayer& layer,
                              std::int64_t rows) const {
  const auto normed =
      norm_rows(member, memory_, memory_.state, rows, layer.post_attention_norm, shape_.eps);
  const auto& own = memory_.own[static_cast<std::size_t>(member.index)];
  const auto panels = member.share_of(layer.gate.matrix.panels());
  for (std::int64_t row = 0; row < rows; row += most_rows_at_once) {
    PackedMatrix::Operands operands;
    operands.x = normed.row(row);
    operands.x_stride = normed.stride;
    operands.rows = std::min(most_rows_at_once, rows - row);
    operands.y_stride = panel_outputs;
    for (std::int64_t panel = panels.begin; panel < panels.end; ++panel) {
      operands.y = own.gate;
      layer.gate.multiply(operands, panel, panel + 1);
      operands.y = own.up;
      layer.up.multiply(operands, panel, panel + 1);
      kernels::silu_product(own.gate, own.up, operands.rows * panel_outputs, own.gate);
      const std::int64_t first = panel * panel_outputs;
      const std::int64_t width = std::min(panel_outputs, shape_.ffn - first);
      for (std::int64_t i = 0; i < operands.rows; ++i) {
        std::copy_n(own.gate + i * panel_outputs, width, memory_.gated.row(row + i) + first);
      }
    }
  }
  member.wait_for_all();
  multiply_share(member, layer.down, memory_.gated, rows, memory_.state, /*add=*/true);
}

}  // namespace cecollm::model
