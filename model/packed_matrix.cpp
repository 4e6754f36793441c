#include "model/packed_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <utility>

#include "model/kernels.hpp"

namespace cecollm::model {
namespace {

constexpr std::int64_t half_panel = panel_outputs / 2;
constexpr float largest_int8 = 127.0F;

float widened(std::uint16_t bf16) {
  return std::bit_cast<float>(std::uint32_t{bf16} << 16U);
}

/// Where output `lane` of a panel lies among the 32 values of one input.
std::int64_t bf16_index(std::int64_t lane) {
  return lane < half_panel ? 2 * lane : 2 * (lane - half_panel) + 1;
}

/// Copies row-major rows into one panel, `block` inputs at a time so that the panel's lines stay in
/// cache while row after row is written into them.
template <class Value>
void copy_rows(const Value* rows, std::int64_t count, std::int64_t inputs, std::int64_t first_lane,
               std::int64_t (*index)(std::int64_t), Value* panel) {
  constexpr std::int64_t block = 64;
  for (std::int64_t begin = 0; begin < inputs; begin += block) {
    const std::int64_t end = std::min(begin + block, inputs);
    for (std::int64_t row = 0; row < count; ++row) {
      const Value* source = rows + row * inputs;
      Value* target = panel + index(first_lane + row);
      for (std::int64_t i = begin; i < end; ++i) target[i * panel_outputs] = source[i];
    }
  }
}

}  // namespace

Result<PackedMatrix> PackedMatrix::reserve(WeightFormat format, std::int64_t outputs,
                                           std::int64_t inputs, WeightMemory& memory) {
  PackedMatrix matrix;
  matrix.format_ = format;
  matrix.outputs_ = outputs;
  matrix.inputs_ = inputs;
  auto piece =
      memory.take(static_cast<std::size_t>(panels_of(outputs) * panel_bytes(format, inputs)));
  if (!piece) return tl::unexpected(std::move(piece.error()));
  matrix.memory_ = *std::move(piece);
  return matrix;
}

void PackedMatrix::set_rows(std::int64_t first, std::span<const float> values) {
  assert(format_ != WeightFormat::bf16);
  const auto rows = static_cast<std::int64_t>(values.size()) / inputs_;
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t output = first + row;
    const std::int64_t lane = output % panel_outputs;
    const std::int64_t count = std::min(rows - row, panel_outputs - lane);
    const float* source = values.data() + row * inputs_;
    if (format_ == WeightFormat::fp32) {
      copy_rows(
          source, count, inputs_, lane, +[](std::int64_t i) { return i; },
          reinterpret_cast<float*>(panel(output / panel_outputs)));
    } else {
      for (std::int64_t i = 0; i < count; ++i) quantize_row(output + i, source + i * inputs_);
    }
    row += count;
  }
}

void PackedMatrix::set_rows(std::int64_t first, std::span<const std::uint16_t> values) {
  assert(format_ == WeightFormat::bf16);
  const auto rows = static_cast<std::int64_t>(values.size()) / inputs_;
  for (std::int64_t row = 0; row < rows;) {
    const std::int64_t output = first + row;
    const std::int64_t lane = output % panel_outputs;
    const std::int64_t count = std::min(rows - row, panel_outputs - lane);
    copy_rows(values.data() + row * inputs_, count, inputs_, lane, &bf16_index,
              reinterpret_cast<std::uint16_t*>(panel(output / panel_outputs)));
    row += count;
  }
}

void PackedMatrix::quantize_row(std::int64_t output, const float* values) {
  std::byte* target = panel(output / panel_outputs);
  const std::int64_t lane = output % panel_outputs;
  for (std::int64_t begin = 0; begin < inputs_; begin += group_inputs) {
    const std::int64_t count = std::min(group_inputs, inputs_ - begin);
    float largest = 0.0F;
    for (std::int64_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(values[begin + i]));
    }
    std::byte* group = target + input_offset(format_, begin);
    const float scale = largest / largest_int8;
    reinterpret_cast<float*>(group)[lane] = scale;
    if (scale == 0.0F) continue;  // the values are zeros already
    auto* bytes = reinterpret_cast<std::int8_t*>(group + scale_bytes) + lane;
    for (std::int64_t i = 0; i < count; ++i) {
      const float steps = std::clamp(values[begin + i] / scale, -largest_int8, largest_int8);
      bytes[i * panel_outputs] = static_cast<std::int8_t>(std::lrint(steps));
    }
  }
}

void PackedMatrix::read_row(std::int64_t output, std::span<float> values) const {
  const std::byte* source = panel(output / panel_outputs);
  const std::int64_t lane = output % panel_outputs;
  for (std::int64_t i = 0; i < inputs_; ++i) {
    float& value = values[static_cast<std::size_t>(i)];
    switch (format_) {
      case WeightFormat::fp32:
        value = reinterpret_cast<const float*>(source)[i * panel_outputs + lane];
        break;
      case WeightFormat::bf16:
        value = widened(
            reinterpret_cast<const std::uint16_t*>(source)[i * panel_outputs + bf16_index(lane)]);
        break;
      case WeightFormat::int8: {
        const std::byte* group = source + input_offset(format_, i / group_inputs * group_inputs);
        const auto* bytes = reinterpret_cast<const std::int8_t*>(group + scale_bytes);
        value = reinterpret_cast<const float*>(group)[lane] *
                static_cast<float>(bytes[i % group_inputs * panel_outputs + lane]);
        break;
      }
    }
  }
}

void PackedMatrix::multiply(const Operands& operands, std::int64_t begin_panel,
                            std::int64_t end_panel) const {
  assert(begin_panel >= 0 && begin_panel <= end_panel && end_panel <= panels());
  if (begin_panel == end_panel || operands.rows == 0) return;
  kernels::PanelProduct product;
  product.x = operands.x;
  product.x_stride = operands.x_stride;
  product.rows = operands.rows;
  product.inputs = inputs_;
  product.panels = panel(begin_panel);
  product.panel_count = end_panel - begin_panel;
  product.outputs =
      std::min(outputs_ - begin_panel * panel_outputs, product.panel_count * panel_outputs);
  product.y = operands.y;
  product.y_stride = operands.y_stride;
  product.add = operands.add;
  kernels::multiply_panels(format_, product);
}

}  // namespace cecollm::model
