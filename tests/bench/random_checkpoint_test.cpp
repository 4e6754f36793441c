// Checkpoints with random weights: what was written is what the loader reads.

#include "bench/random_checkpoint.hpp"

#include <cmath>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/checkpoint.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using tests::read_whole_file;
using tests::succeeded;
using tests::TemporaryDirectory;

nlohmann::json small_shape() {
  auto config = *config_of_shape("mid");
  config["hidden_size"] = 64;
  config["intermediate_size"] = 96;
  config["num_attention_heads"] = 4;
  config["num_key_value_heads"] = 2;
  config["head_dim"] = 16;
  config["num_hidden_layers"] = 7;
  config["vocab_size"] = 50;
  return config;
}

std::string written_bytes(const nlohmann::json& config, std::uint64_t seed, int threads) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(succeeded(write_random_checkpoint(directory.path(), config, seed, threads)));
  return read_whole_file(directory.path() / "model.safetensors") +
         read_whole_file(directory.path() / "early_exit.safetensors");
}

float value_of(std::span<const std::byte> bytes, std::size_t index) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes.data() + 2 * index, sizeof bits);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

TEST(RandomCheckpoint, HoldsEveryTensorOfEveryNamedShapeMadeSmall) {
  for (const auto& shape : named_shapes()) {
    auto config = *config_of_shape(shape.name);
    config["vocab_size"] = 32;
    config["hidden_size"] = 64;
    config["intermediate_size"] = 48;
    config["head_dim"] = 4;
    const TemporaryDirectory directory;
    const auto written = write_random_checkpoint(directory.path(), config, 1, 2);
    ASSERT_TRUE(succeeded(written)) << shape.name;
    const auto checkpoint = model::Checkpoint::open(directory.path());
    ASSERT_TRUE(succeeded(checkpoint)) << shape.name;
    EXPECT_TRUE(checkpoint->holds(model::Part::whole)) << shape.name;
    std::uint64_t bytes = 0;
    for (const auto& [name, tensor] : checkpoint->tensors()) bytes += tensor.bytes.size();
    EXPECT_EQ(written->bytes, bytes) << shape.name;
  }
}

TEST(RandomCheckpoint, IsTheSameFromTheSameSeedWhateverTheThreads) {
  const auto config = small_shape();
  const auto once = written_bytes(config, 7, 1);
  EXPECT_EQ(once, written_bytes(config, 7, 3));
  EXPECT_NE(once, written_bytes(config, 8, 1));
}

TEST(RandomCheckpoint, IsTheSameInEveryBlockOfALargeTensor) {
  // The embedding is longer than a block of 4 MiB, and not a whole number of blocks.
  auto config = small_shape();
  config["vocab_size"] = 40'001;
  EXPECT_EQ(written_bytes(config, 1, 1), written_bytes(config, 1, 4));
}

TEST(RandomCheckpoint, SpreadsWeightsSoThatProductsKeepTheirSize) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(succeeded(write_random_checkpoint(directory.path(), small_shape(), 1, 1)));
  const auto checkpoint = model::Checkpoint::open(directory.path());
  ASSERT_TRUE(succeeded(checkpoint));
  const auto weight = checkpoint->require("model.layers.0.mlp.gate_proj.weight", {96, 64});
  ASSERT_TRUE(succeeded(weight));
  double sum = 0;
  double squares = 0;
  constexpr std::size_t count = 96 * 64;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = value_of(weight->bytes, i);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0.0, 0.01);
  EXPECT_NEAR(std::sqrt(squares / count), 1.0 / 8, 0.005);
}

TEST(RandomCheckpoint, RefusesADirectoryThatHoldsOne) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(succeeded(write_random_checkpoint(directory.path(), small_shape(), 1, 1)));
  EXPECT_TRUE(tests::fails_with(write_random_checkpoint(directory.path(), small_shape(), 1, 1),
                                model::ErrorCode::unreadable, {"config.json: exists already"}));
}

TEST(RandomCheckpoint, RefusesATypeThatItDoesNotMake) {
  const TemporaryDirectory directory;
  auto config = small_shape();
  config["torch_dtype"] = "float16";
  EXPECT_TRUE(tests::fails_with(write_random_checkpoint(directory.path(), config, 1, 1),
                                model::ErrorCode::unsupported, {"float16"}));
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "config.json"));
}

TEST(RandomCheckpoint, RefusesAShapeThatIsNone) {
  const TemporaryDirectory directory;
  auto config = small_shape();
  config["num_key_value_heads"] = 3;
  EXPECT_TRUE(tests::fails_with(write_random_checkpoint(directory.path(), config, 1, 1),
                                model::ErrorCode::malformed, {"num_key_value_heads"}));
}

}  // namespace
}  // namespace cecollm::bench
