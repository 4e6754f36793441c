#pragma once
// How a weight W [outputs, inputs] lies in memory for products with few rows, which is what
// decoding does: in panels of outputs, so that one load of a weight serves all rows, no sum goes
// across a vector, and a thread that computes some outputs reads one stretch of memory.
//
//   fp32  panel: [inputs, 32] values
//   bf16  panel: [inputs, 16] words of 32 bits; word i holds output i in its low half and output
//         i + 16 in its high half, so that a shift and a mask widen them, whatever a vector's
//         length
//   int8  panel: groups of 64 inputs, each [32] fp32 scales, then [inputs of the group, 32] values;
//         weight = scale * value
//
// The last panel is padded with zeros, a matrix's last group of inputs is not. Little-endian.

#include <cstddef>
#include <cstdint>

namespace cecollm::model {

enum class WeightFormat { fp32, bf16, int8 };

/// How the matrices of layers and heads are held: as they are stored (bf16 in bf16, anything else
/// in fp32), or in int8, which is not exact. Norms and biases are fp32; an embedding that is no LM
/// head is held as it is stored.
enum class WeightChoice { stored, int8 };

/// Outputs of a panel: two vectors of AVX-512, four of AVX2.
inline constexpr std::int64_t panel_outputs = 32;
/// Inputs that share a scale.
inline constexpr std::int64_t group_inputs = 64;
inline constexpr std::int64_t scale_bytes =
    panel_outputs * static_cast<std::int64_t>(sizeof(float));

/// Of a panel's weights for one input.
constexpr std::int64_t input_bytes(WeightFormat format) {
  switch (format) {
    case WeightFormat::fp32:
      return panel_outputs * 4;
    case WeightFormat::bf16:
      return panel_outputs * 2;
    case WeightFormat::int8:
      break;
  }
  return panel_outputs;
}

/// Where the weights of `input` begin in a panel; of a group's first input: where its scales do.
constexpr std::int64_t input_offset(WeightFormat format, std::int64_t input) {
  if (format != WeightFormat::int8) return input * input_bytes(format);
  const std::int64_t groups = input / group_inputs;
  const std::int64_t inside = input % group_inputs;
  return groups * (scale_bytes + group_inputs * panel_outputs) +
         (inside == 0 ? 0 : scale_bytes + inside * panel_outputs);
}

constexpr std::int64_t panels_of(std::int64_t outputs) {
  return (outputs + panel_outputs - 1) / panel_outputs;
}

/// Of a whole panel, rounded up so that every panel begins a cache line.
constexpr std::int64_t panel_bytes(WeightFormat format, std::int64_t inputs) {
  constexpr std::int64_t cache_line = 64;
  const std::int64_t used = input_offset(format, inputs);
  return (used + cache_line - 1) / cache_line * cache_line;
}

}  // namespace cecollm::model
