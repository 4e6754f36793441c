// Kernels against plain sums in double precision, with every instruction set that there is.

#include "model/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/instruction_sets.hpp"

namespace cecollm::model {
namespace {

class KernelsOf : public WithInstructionSet {};
INSTANTIATE_TEST_SUITE_P(Every, KernelsOf, testing::ValuesIn(kernels::instruction_sets()),
                         name_of_set);

TEST(InstructionSets, EndWithPlainCodeAndRefuseAnUnknownName) {
  const auto names = kernels::instruction_sets();
  ASSERT_FALSE(names.empty());
#if defined(__x86_64__)
  EXPECT_THAT(names.back(), testing::AnyOf("EMU128", "SCALAR"));
#endif
  EXPECT_FALSE(kernels::use_instruction_set("MMX"));
  EXPECT_TRUE(kernels::use_instruction_set(""));
}

TEST_P(KernelsOf, NormByTheRootOfTheMeanSquareAlsoInPlace) {
  for (const std::int64_t size : {1, 5, 16, 35, 80}) {
    const std::int64_t stride = size + 3;
    auto x = normal_values(2 * stride, 3);
    const auto before = x;
    const auto weight = normal_values(size, 4);
    kernels::rms_norm(x.data(), stride, 2, weight, 1e-5F, x.data(), stride);
    for (std::int64_t row = 0; row < 2; ++row) {
      const float* values = before.data() + row * stride;
      double squares = 0.0;
      for (std::int64_t i = 0; i < size; ++i) squares += std::pow(values[i], 2);
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(size) + 1e-5);
      for (std::int64_t i = 0; i < stride; ++i) {
        const auto at = static_cast<std::size_t>(row * stride + i);
        const double expected =
            i < size ? values[i] * scale * weight[static_cast<std::size_t>(i)] : values[i];
        EXPECT_NEAR(x[at], expected, 1e-5) << size << " values, row " << row << ", value " << i;
      }
    }
  }
}

TEST_P(KernelsOf, RotateTheHalvesOfEachHeadAgainstEachOther) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6, 7, 8};  // 2 heads of 4
  const std::vector<float> cosine{0.5F, 0.25F, 0.5F, 0.25F};
  const std::vector<float> sine{-2, -3, 2, 3};
  auto rotated = x;
  kernels::rotate(rotated.data(), 2, cosine, sine);
  EXPECT_EQ(rotated, (std::vector<float>{0.5F - 6, 0.5F - 12, 1.5F + 2, 1 + 6,  //
                                         2.5F - 14, 1.5F - 24, 3.5F + 10, 2 + 18}));
}

TEST_P(KernelsOf, RotateLongHeadsAsShortOnes) {
  constexpr std::int64_t head_dim = 104;  // whole vectors and some more
  const auto x = normal_values(head_dim, 10);
  const auto cosine = normal_values(head_dim, 11);
  const auto sine = normal_values(head_dim, 12);
  auto rotated = x;
  kernels::rotate(rotated.data(), 1, cosine, sine);
  for (std::size_t i = 0; i < 104; ++i) {
    const std::size_t other = (i + 52) % 104;
    EXPECT_NEAR(rotated[i], x[i] * cosine[i] + x[other] * sine[i], 1e-5) << i;
  }
}

TEST_P(KernelsOf, GateByTheSigmoid) {
  auto gate = normal_values(37, 5);
  gate[0] = 90.0F;
  gate[1] = -90.0F;
  const auto up = normal_values(37, 6);
  auto out = gate;
  kernels::silu_product(out.data(), up.data(), 37, out.data());
  for (std::size_t i = 0; i < 37; ++i) {
    const double expected = static_cast<double>(gate[i]) /
                            (1.0 + std::exp(-static_cast<double>(gate[i]))) *
                            static_cast<double>(up[i]);
    EXPECT_NEAR(out[i], expected, 1e-5 * std::max(1.0, std::abs(expected))) << i;
  }
}

/// out[i] as attention defines it, for the query `q` over `kv_head`.
double attended(const kernels::AttentionGroup& group, const float* q, std::int64_t kv_head,
                const std::vector<float>& keys, const std::vector<float>& values, std::int64_t i) {
  const auto at = [&](std::int64_t t, std::int64_t k) {
    return static_cast<std::size_t>(t * group.stride + kv_head * group.head_dim + k);
  };
  double sum = 0.0;
  double weighted = 0.0;
  for (std::int64_t t = 0; t < group.count; ++t) {
    double dot = 0.0;
    for (std::int64_t k = 0; k < group.head_dim; ++k) {
      dot += static_cast<double>(q[k]) * static_cast<double>(keys[at(t, k)]);
    }
    const double weight = std::exp(dot / std::sqrt(static_cast<double>(group.head_dim)));
    sum += weight;
    weighted += weight * static_cast<double>(values[at(t, i)]);
  }
  return weighted / sum;
}

TEST_P(KernelsOf, AttendByTheSoftmaxOfTheQueriesProducts) {
  for (const std::int64_t head_dim : {3, 16, 40, 128}) {
    for (const std::int64_t count : {1, 6, 33, 130}) {
      const kernels::AttentionGroup group{2, 3, head_dim, count, 3 * head_dim};
      const auto q = normal_values(6 * head_dim, 7);
      const auto keys = normal_values(count * group.stride, 8);
      const auto values = normal_values(count * group.stride, 9);
      std::vector<float> scores(static_cast<std::size_t>(6 * count));
      std::vector<float> out(q.size());
      kernels::attend(group, q.data(), keys.data(), values.data(), scores.data(), out.data());
      for (std::int64_t query = 0; query < 6; ++query) {
        for (std::int64_t i = 0; i < head_dim; ++i) {
          const std::int64_t at = query * head_dim + i;
          EXPECT_NEAR(out[static_cast<std::size_t>(at)],
                      attended(group, q.data() + query * head_dim, query / 3, keys, values, i),
                      2e-5)
              << "query " << query << " of " << head_dim << ", " << count << " positions";
        }
      }
    }
  }
}

}  // namespace
}  // namespace cecollm::model
