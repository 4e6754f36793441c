#include "model/packed_matrix.hpp"

#include <cassert>

#include "model/kernels.hpp"

namespace cecollm::model {
namespace {

constexpr std::size_t cache_line = 64;

}  // namespace

template <class Value>
PackedMatrix::AlignedValues<Value>::AlignedValues(std::size_t count)
    : storage_(count + cache_line / sizeof(Value)) {
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  skipped_ = (cache_line - address % cache_line) % cache_line / sizeof(Value);
}

template <class Value>
PackedMatrix::AlignedValues<Value> PackedMatrix::pack(std::span<const Value> values,
                                                      std::int64_t outputs, std::int64_t inputs) {
  const std::int64_t panels = (outputs + panel_outputs - 1) / panel_outputs;
  AlignedValues<Value> packed(static_cast<std::size_t>(panels * panel_outputs * inputs));
  for (std::int64_t row = 0; row < outputs; ++row) {
    const Value* source = values.data() + row * inputs;
    Value* target =
        packed.data() + row / panel_outputs * panel_outputs * inputs + row % panel_outputs;
    for (std::int64_t i = 0; i < inputs; ++i) target[i * panel_outputs] = source[i];
  }
  return packed;
}

PackedMatrix PackedMatrix::of_floats(std::span<const float> values, std::int64_t outputs) {
  PackedMatrix matrix;
  matrix.outputs_ = outputs;
  matrix.inputs_ = static_cast<std::int64_t>(values.size()) / outputs;
  matrix.floats_ = pack(values, outputs, matrix.inputs_);
  return matrix;
}

PackedMatrix PackedMatrix::of_bf16(std::span<const std::uint16_t> values, std::int64_t outputs) {
  PackedMatrix matrix;
  matrix.outputs_ = outputs;
  matrix.inputs_ = static_cast<std::int64_t>(values.size()) / outputs;
  matrix.bf16_ = pack(values, outputs, matrix.inputs_);
  return matrix;
}

std::int64_t PackedMatrix::panels() const {
  return (outputs_ + panel_outputs - 1) / panel_outputs;
}

std::size_t PackedMatrix::bytes() const {
  return floats_.bytes() + bf16_.bytes();
}

void PackedMatrix::multiply(const float* x, std::int64_t rows, float* y, bool add,
                            std::int64_t begin_panel, std::int64_t end_panel) const {
  assert(begin_panel >= 0 && end_panel <= panels());
  kernels::PanelProduct product;
  product.x = x;
  product.rows = rows;
  product.inputs = inputs_;
  product.y = y;
  product.outputs = outputs_;
  product.add = add;
  product.begin_panel = begin_panel;
  product.end_panel = end_panel;
  if (bf16_.bytes() > 0) {
    kernels::multiply_panels(product, bf16_.data());
  } else {
    kernels::multiply_panels(product, floats_.data());
  }
}

}  // namespace cecollm::model
