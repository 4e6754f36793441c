#pragma once
// A weight laid out for products with few rows, which is what decoding does: panels of outputs, so
// that every load of a weight serves all rows and no sum goes across a vector.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cecollm::model {

/// W [outputs, inputs], immutable, in the precision that it was given in: bf16 weights stay bf16 in
/// memory and are widened to fp32 in registers, which is exact. Any number of threads may multiply.
class PackedMatrix {
 public:
  /// Outputs that lie beside each other in memory. Two vectors of AVX-512, four of AVX2.
  static constexpr std::int64_t panel_outputs = 32;

  PackedMatrix() = default;
  /// From row-major values [outputs, inputs]; bf16 as its 16 bits.
  static PackedMatrix of_floats(std::span<const float> values, std::int64_t outputs);
  static PackedMatrix of_bf16(std::span<const std::uint16_t> values, std::int64_t outputs);

  std::int64_t outputs() const { return outputs_; }
  std::int64_t inputs() const { return inputs_; }
  std::int64_t panels() const;
  /// Of memory. The last panel is padded with zeros.
  std::size_t bytes() const;

  /// y = x Wᵀ over the outputs of panels begin .. end - 1, or y += x Wᵀ where `add`. x [rows,
  /// inputs], y [rows, outputs], both dense.
  void multiply(const float* x, std::int64_t rows, float* y, bool add, std::int64_t begin_panel,
                std::int64_t end_panel) const;

 private:
  /// Memory whose first value begins a cache line.
  template <class Value>
  class AlignedValues {
   public:
    AlignedValues() = default;
    explicit AlignedValues(std::size_t count);
    AlignedValues(AlignedValues&&) noexcept = default;
    AlignedValues& operator=(AlignedValues&&) noexcept = default;
    AlignedValues(const AlignedValues&) = delete;
    AlignedValues& operator=(const AlignedValues&) = delete;
    ~AlignedValues() = default;
    Value* data() { return storage_.data() + skipped_; }
    const Value* data() const { return storage_.data() + skipped_; }
    std::size_t bytes() const { return storage_.size() * sizeof(Value); }

   private:
    std::vector<Value> storage_;  // a move keeps its address
    std::size_t skipped_ = 0;
  };
  template <class Value>
  static AlignedValues<Value> pack(std::span<const Value> values, std::int64_t outputs,
                                   std::int64_t inputs);

  std::int64_t outputs_ = 0;
  std::int64_t inputs_ = 0;
  // One of both: [panels, inputs, panel_outputs].
  AlignedValues<float> floats_;
  AlignedValues<std::uint16_t> bf16_;
};

}  // namespace cecollm::model
