// Kernels and packed products against plain sums in double precision.

#include "model/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/packed_matrix.hpp"

namespace cecollm::model {
namespace {

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(count);
  for (auto& value : values) value = draw(random);
  return values;
}

std::uint16_t bf16_bits(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<std::uint16_t>(bits >> 16U);
}

float widened(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16U;
  float value = 0.0F;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

struct Shape {
  std::int64_t outputs, inputs, rows;
};

class PackedProduct : public testing::TestWithParam<Shape> {
 protected:
  /// x Wᵀ + `begin`, and what a rounding error of it may be.
  void expect_product(const PackedMatrix& matrix, const std::vector<float>& w) const {
    const auto [outputs, inputs, rows] = GetParam();
    const auto x = random_values(static_cast<std::size_t>(rows * inputs), 2);
    for (const bool add : {false, true}) {
      std::vector<float> y(static_cast<std::size_t>(rows * outputs), 0.5F);
      matrix.multiply(x.data(), rows, y.data(), add, 0, matrix.panels());
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t output = 0; output < outputs; ++output) {
          double sum = add ? 0.5 : 0.0;
          double size = 1.0;
          for (std::int64_t i = 0; i < inputs; ++i) {
            const double product =
                static_cast<double>(x[static_cast<std::size_t>(row * inputs + i)]) *
                static_cast<double>(w[static_cast<std::size_t>(output * inputs + i)]);
            sum += product;
            size += std::abs(product);
          }
          EXPECT_NEAR(y[static_cast<std::size_t>(row * outputs + output)], sum, 1e-6 * size)
              << "row " << row << " output " << output;
        }
      }
    }
  }
};

TEST_P(PackedProduct, OfFloatsIsThePlainSum) {
  const auto [outputs, inputs, rows] = GetParam();
  const auto w = random_values(static_cast<std::size_t>(outputs * inputs), 1);
  expect_product(PackedMatrix::of_floats(w, outputs), w);
}

TEST_P(PackedProduct, OfBf16IsThePlainSumOfTheWidenedWeights) {
  const auto [outputs, inputs, rows] = GetParam();
  std::vector<std::uint16_t> bits;
  std::vector<float> w;
  for (const float value : random_values(static_cast<std::size_t>(outputs * inputs), 1)) {
    bits.push_back(bf16_bits(value));
    w.push_back(widened(bits.back()));
  }
  const auto matrix = PackedMatrix::of_bf16(bits, outputs);
  expect_product(matrix, w);
  EXPECT_LT(matrix.bytes(), PackedMatrix::of_floats(w, outputs).bytes());
}

INSTANTIATE_TEST_SUITE_P(Shapes, PackedProduct,
                         testing::Values(Shape{1, 1, 1}, Shape{32, 16, 1}, Shape{33, 7, 2},
                                         Shape{64, 32, 3}, Shape{40, 65, 4}, Shape{96, 33, 5},
                                         Shape{31, 64, 6}, Shape{70, 513, 7}, Shape{32, 1030, 13}),
                         [](const testing::TestParamInfo<Shape>& shape) {
                           return std::to_string(shape.param.outputs) + "x" +
                                  std::to_string(shape.param.inputs) + "_" +
                                  std::to_string(shape.param.rows) + "_rows";
                         });

TEST(PackedMatrix, WritesOnlyTheOutputsOfItsPanels) {
  const auto w = random_values(std::size_t{80} * 8, 1);
  const auto matrix = PackedMatrix::of_floats(w, 80);
  const auto x = random_values(8, 2);
  ASSERT_EQ(matrix.panels(), 3);
  std::vector<float> whole(80);
  matrix.multiply(x.data(), 1, whole.data(), false, 0, 3);
  std::vector<float> middle(80, -7.0F);
  matrix.multiply(x.data(), 1, middle.data(), false, 1, 2);
  for (std::size_t i = 0; i < 80; ++i) {
    EXPECT_EQ(middle[i], i >= 32 && i < 64 ? whole[i] : -7.0F) << i;
  }
}

TEST(RmsNorm, DividesByTheRootOfTheMeanSquareAlsoInPlace) {
  for (const std::size_t size : {1U, 5U, 16U, 35U}) {
    auto x = random_values(2 * size, 3);
    const auto weight = random_values(size, 4);
    std::vector<double> expected;
    for (std::size_t row = 0; row < 2; ++row) {
      double squares = 0.0;
      for (std::size_t i = 0; i < size; ++i) squares += std::pow(x[row * size + i], 2);
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(size) + 1e-5);
      for (std::size_t i = 0; i < size; ++i)
        expected.push_back(x[row * size + i] * scale * weight[i]);
    }
    kernels::rms_norm(x.data(), 2, weight, 1e-5F, x.data());
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], expected[i], 1e-5) << size;
  }
}

TEST(Rotation, TurnsTheHalvesOfEachHeadAgainstEachOther) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8};  // 2 heads of 4
  const std::vector<float> cosine{0.5F, 0.25F, 0.5F, 0.25F};
  const std::vector<float> sine{-2, -3, 2, 3};
  auto rotated = x;
  kernels::rotate(rotated.data(), 2, cosine, sine);
  EXPECT_EQ(rotated, (std::vector<float>{0.5F - 6, 0.5F - 12, 1.5F + 2, 1 + 6,  //
                                         2.5F - 14, 1.5F - 24, 3.5F + 10, 2 + 18}));
}

TEST(SiluProduct, IsTheGateTimesItsSigmoidTimesTheOther) {
  auto gate = random_values(37, 5);
  gate[0] = 90.0F;
  gate[1] = -90.0F;
  const auto up = random_values(37, 6);
  std::vector<float> out(37);
  kernels::silu_product(gate.data(), up.data(), 37, out.data());
  for (std::size_t i = 0; i < 37; ++i) {
    const double expected = static_cast<double>(gate[i]) /
                            (1.0 + std::exp(-static_cast<double>(gate[i]))) *
                            static_cast<double>(up[i]);
    EXPECT_NEAR(out[i], expected, 1e-5 * std::max(1.0, std::abs(expected))) << i;
  }
}

TEST(Attention, OfOneQueryIsTheSoftmaxWeightedSumOfValues) {
  for (const std::int64_t head_dim : {3, 16, 40}) {
    for (const std::int64_t count : {1, 6, 33}) {
      const kernels::AttentionShape shape{4, 2, head_dim};
      const auto q = random_values(static_cast<std::size_t>(4 * head_dim), 7);
      const auto keys = random_values(static_cast<std::size_t>(count * 2 * head_dim), 8);
      const auto values = random_values(static_cast<std::size_t>(count * 2 * head_dim), 9);
      std::vector<float> scores(static_cast<std::size_t>(count));
      std::vector<float> out(q.size());
      kernels::attend(shape, q.data(), keys.data(), values.data(), count, scores.data(),
                      out.data());
      for (std::int64_t head = 0; head < 4; ++head) {
        const auto at = [&](const std::vector<float>& cache, std::int64_t t, std::int64_t i) {
          return static_cast<double>(
              cache[static_cast<std::size_t>((t * 2 + head / 2) * head_dim + i)]);
        };
        std::vector<double> weights;
        double sum = 0.0;
        for (std::int64_t t = 0; t < count; ++t) {
          double dot = 0.0;
          for (std::int64_t i = 0; i < head_dim; ++i) {
            dot += static_cast<double>(q[static_cast<std::size_t>(head * head_dim + i)]) *
                   at(keys, t, i);
          }
          weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(head_dim))));
          sum += weights.back();
        }
        for (std::int64_t i = 0; i < head_dim; ++i) {
          double expected = 0.0;
          for (std::int64_t t = 0; t < count; ++t) {
            expected += weights[static_cast<std::size_t>(t)] / sum * at(values, t, i);
          }
          EXPECT_NEAR(out[static_cast<std::size_t>(head * head_dim + i)], expected, 2e-5)
              << "head " << head << " of " << head_dim << ", " << count << " positions";
        }
      }
    }
  }
}

}  // namespace
}  // namespace cecollm::model
