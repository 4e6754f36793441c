// Packed products against plain sums in double precision, with every instruction set that there is.

#include "model/packed_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/instruction_sets.hpp"

namespace cecollm::model {
namespace {

struct ProductShape {
  std::int64_t outputs, inputs, rows;
};
// Panels that are full and not, tiles of every size, groups of scales that end early, and more than
// one block of inputs.
const std::vector<ProductShape> product_shapes{
    {1, 1, 1},     {32, 16, 1},  {33, 7, 2},   {64, 32, 3},    {40, 65, 4},
    {96, 33, 5},   {31, 64, 6},  {70, 513, 7}, {32, 1030, 13}, {48, 130, 24},
    {33, 100, 11}, {64, 576, 8}, {32, 20, 9},  {32, 20, 10},   {65, 200, 12}};

PackedMatrix packed(WeightFormat format, std::int64_t outputs, const std::vector<float>& values) {
  WeightMemory memory;
  const auto inputs = static_cast<std::int64_t>(values.size()) / outputs;
  auto matrix = *PackedMatrix::reserve(format, outputs, inputs, memory);
  if (format == WeightFormat::bf16) {
    std::vector<std::uint16_t> bits;
    for (const float value : values) {
      bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U));
    }
    matrix.set_rows(0, std::span<const std::uint16_t>(bits));
  } else {
    matrix.set_rows(0, std::span<const float>(values));
  }
  return matrix;
}

/// W as the matrix holds it.
std::vector<float> held(const PackedMatrix& matrix) {
  std::vector<float> values(static_cast<std::size_t>(matrix.outputs() * matrix.inputs()));
  const auto inputs = static_cast<std::size_t>(matrix.inputs());
  for (std::size_t row = 0; row * inputs < values.size(); ++row) {
    matrix.read_row(static_cast<std::int64_t>(row),
                    std::span(values).subspan(row * inputs, inputs));
  }
  return values;
}

class PackedProductOf : public WithInstructionSet {
 protected:
  /// Multiplies with space between the rows, once over `begin` and once over nothing.
  static void expect_product(WeightFormat format, const ProductShape& shape) {
    const auto [outputs, inputs, rows] = shape;
    SCOPED_TRACE(std::to_string(outputs) + "x" + std::to_string(inputs) + ", " +
                 std::to_string(rows) + " rows");
    const auto matrix = packed(format, outputs, normal_values(outputs * inputs, 1));
    const auto w = held(matrix);
    const auto x = normal_values(rows * (inputs + 2), 2);
    const std::int64_t y_stride = outputs + 5;
    for (const bool add : {false, true}) {
      std::vector<float> y(static_cast<std::size_t>(rows * y_stride), 0.5F);
      matrix.multiply({x.data(), inputs + 2, rows, y.data(), y_stride, add}, 0, matrix.panels());
      for (std::int64_t at = 0; at < rows * y_stride; ++at) {
        const std::int64_t row = at / y_stride;
        const std::int64_t output = at % y_stride;
        double sum = add || output >= outputs ? 0.5 : 0.0;
        double size = 1.0;
        for (std::int64_t i = 0; output < outputs && i < inputs; ++i) {
          const double product =
              static_cast<double>(x[static_cast<std::size_t>(row * (inputs + 2) + i)]) *
              static_cast<double>(w[static_cast<std::size_t>(output * inputs + i)]);
          sum += product;
          size += std::abs(product);
        }
        EXPECT_NEAR(y[static_cast<std::size_t>(at)], sum, 1e-6 * size)
            << "row " << row << " output " << output;
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Every, PackedProductOf, testing::ValuesIn(kernels::instruction_sets()),
                         name_of_set);

TEST_P(PackedProductOf, Fp32IsThePlainSum) {
  for (const auto& shape : product_shapes) expect_product(WeightFormat::fp32, shape);
}

TEST_P(PackedProductOf, Bf16IsThePlainSum) {
  for (const auto& shape : product_shapes) expect_product(WeightFormat::bf16, shape);
}

TEST_P(PackedProductOf, Int8IsThePlainSum) {
  for (const auto& shape : product_shapes) expect_product(WeightFormat::int8, shape);
}

TEST(PackedMatrix, HoldsFp32AndBf16Exactly) {
  const auto values = normal_values(std::int64_t{70} * 33, 1);
  EXPECT_EQ(held(packed(WeightFormat::fp32, 70, values)), values);
  const auto bf16 = held(packed(WeightFormat::bf16, 70, values));
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(bf16[i]),
              std::bit_cast<std::uint32_t>(values[i]) & 0xFFFF0000U);
  }
}

TEST(PackedMatrix, HoldsInt8ToHalfAStepOfEachGroup) {
  constexpr std::int64_t inputs = 100;  // a group of 64 and one of 36
  auto values = normal_values(40 * inputs, 1);
  for (std::size_t i = 0; i < inputs; ++i) values[i] *= 1000.0F;  // one row far above the others
  std::fill_n(values.begin() + inputs, static_cast<std::ptrdiff_t>(inputs), 0.0F);  // one of zeros
  const auto matrix = packed(WeightFormat::int8, 40, values);
  const auto near = held(matrix);
  for (std::int64_t row = 0; row < 40; ++row) {
    for (std::int64_t begin = 0; begin < inputs; begin += group_inputs) {
      const auto first = static_cast<std::size_t>(row * inputs + begin);
      const auto count = static_cast<std::size_t>(std::min(group_inputs, inputs - begin));
      float largest = 0.0F;
      for (std::size_t i = first; i < first + count; ++i) {
        largest = std::max(largest, std::abs(values[i]));
      }
      for (std::size_t i = first; i < first + count; ++i) {
        EXPECT_NEAR(near[i], values[i], largest / 127.0F * 0.5001F) << "row " << row;
      }
    }
  }
}

TEST(PackedMatrix, TakesLessMemoryTheNarrowerItsWeights) {
  const auto values = normal_values(std::int64_t{64} * 256, 1);
  EXPECT_EQ(packed(WeightFormat::fp32, 64, values).bytes(), 64U * 256 * 4);
  EXPECT_EQ(packed(WeightFormat::bf16, 64, values).bytes(), 64U * 256 * 2);
  EXPECT_EQ(packed(WeightFormat::int8, 64, values).bytes(), 64U * 256 + 64U * 4 * 4);
}

TEST(PackedMatrix, MayBeSetInPieces) {
  const auto values = normal_values(std::int64_t{70} * 33, 1);
  WeightMemory memory;
  auto matrix = *PackedMatrix::reserve(WeightFormat::fp32, 70, 33, memory);
  const std::span<const float> rows(values);
  matrix.set_rows(0, rows.first(std::size_t{33} * 20));
  matrix.set_rows(20, rows.subspan(std::size_t{33} * 20));
  EXPECT_EQ(held(matrix), values);
}

TEST(PackedMatrix, WritesOnlyTheOutputsOfItsPanels) {
  const auto matrix = packed(WeightFormat::fp32, 80, normal_values(std::int64_t{80} * 8, 1));
  const auto x = normal_values(8, 2);
  ASSERT_EQ(matrix.panels(), 3);
  std::vector<float> whole(80);
  matrix.multiply({x.data(), 8, 1, whole.data(), 80, false}, 0, 3);
  std::vector<float> middle(80, -7.0F);
  matrix.multiply({x.data(), 8, 1, middle.data() + 32, 80, false}, 1, 2);
  for (std::size_t i = 0; i < 80; ++i) {
    EXPECT_EQ(middle[i], i >= 32 && i < 64 ? whole[i] : -7.0F) << i;
  }
}

}  // namespace
}  // namespace cecollm::model
