#pragma once
// A weight laid out for products with few rows (panel_layout.hpp).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "model/error.hpp"
#include "model/panel_layout.hpp"
#include "model/weight_memory.hpp"

namespace cecollm::model {

/// W [outputs, inputs]. Rows are set one after the other while it is loaded; afterwards any number
/// of threads may multiply. fp32 and bf16 hold what they are given exactly (bf16 is widened to fp32
/// in registers); int8 holds the nearest multiple of a scale, a 127th of the largest of 64 values.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// All zeros. `exhausted` where there is no room.
  static Result<PackedMatrix> reserve(WeightFormat format, std::int64_t outputs,
                                      std::int64_t inputs, WeightMemory& memory);

  /// Sets rows first .. of W from row-major values [n, inputs]; bf16 as its 16 bits, which only a
  /// bf16 matrix takes, and nothing else. int8 takes finite values.
  void set_rows(std::int64_t first, std::span<const float> values);
  void set_rows(std::int64_t first, std::span<const std::uint16_t> values);
  /// Row `output` of W as it is multiplied with: [inputs].
  void read_row(std::int64_t output, std::span<float> values) const;

  WeightFormat format() const { return format_; }
  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  std::int64_t panels() const { return panels_of(outputs_); }
  /// Of memory, with the padding.
  std::size_t bytes() const { return memory_.bytes.size(); }

  /// Rows to multiply with, and where the sums go.
  struct Operands {
    const float* x = nullptr;  // [rows, inputs]
    std::int64_t x_stride = 0;
    std::int64_t rows = 0;
    float* y = nullptr;  // [rows, the panels' outputs]
    std::int64_t y_stride = 0;
    bool add = false;
  };
  /// y = x Wᵀ over the outputs of panels begin .. end - 1, or y += x Wᵀ where `add`. Strides count
  /// values; y begins at the first of these outputs.
  void multiply(const Operands& operands, std::int64_t begin_panel, std::int64_t end_panel) const;

 private:
  std::byte* panel(std::int64_t index) const {
    return memory_.bytes.data() + index * panel_bytes(format_, inputs_);
  }
  void quantize_row(std::int64_t output, const float* values);

  WeightFormat format_ = WeightFormat::fp32;
  std::int64_t outputs_ = 0;
  std::int64_t inputs_ = 0;
  WeightMemory::Piece memory_;
};

}  // namespace cecollm::model
