#include "bench/paper/layer_flops.hpp"

#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.hidden_size = 4;
  config.intermediate_size = 8;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 2;
  config.vocab_size = 10;
  return config;
}

TEST(LayerFlops, CountsTheMatricesAndTheAttention) {
  // Queries and output 16 each, keys and values 8 each, three of 32: 144 multiplications, each with
  // an addition. At position 0 two products over one position and four channels: 16.
  EXPECT_EQ(layer_flops(small_config(), 0, 1), 2 * 144 + 16);
  // Position 1 attends to two.
  EXPECT_EQ(layer_flops(small_config(), 1, 2), 2 * 144 + 32);
}

TEST(LayerFlops, AreTheSameInOnePassAndInMany) {
  std::int64_t one_by_one = 0;
  for (std::int64_t i = 3; i < 9; ++i) one_by_one += layer_flops(small_config(), i, i + 1);
  EXPECT_EQ(layer_flops(small_config(), 3, 9), one_by_one);
  EXPECT_EQ(layer_flops(small_config(), 5, 5), 0);
}

TEST(HeadFlops, AreThoseOfTheVocabularysProduct) {
  EXPECT_EQ(head_flops(small_config()), 2 * 4 * 10);
}

}  // namespace
}  // namespace cecollm::bench
