#pragma once
// Fixtures of the kernels' tests: values, and every instruction set in turn.

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/kernels.hpp"

namespace cecollm::model {

/// The parameter is the instruction set; its test leaves the best one in use.
class WithInstructionSet : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(kernels::use_instruction_set(GetParam())); }
  void TearDown() override { kernels::use_instruction_set(""); }
};

inline std::string name_of_set(const testing::TestParamInfo<std::string>& set) {
  return set.param;
}

inline std::vector<float> normal_values(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = draw(random);
  return values;
}

}  // namespace cecollm::model
