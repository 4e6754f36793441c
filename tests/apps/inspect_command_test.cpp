#include "apps/inspect_command.hpp"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/apps/command_line_runner.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::Not;
using tests::run_command;

const std::string model = CECOLLM_DEFAULT_MODEL;
const std::string plain_model = std::string(CECOLLM_FIXTURES) + "/tiny/llama-mha";

nlohmann::json inspect(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "inspect");
  arguments.emplace_back("--json");
  const auto result = run_command(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

TEST(Inspect, KnowsTheArchitectureOfTheDefaultModel) {
  const auto summary = inspect({model});
  EXPECT_EQ(summary.at("family"), "llama");
  EXPECT_EQ(summary.at("layers"), 12);
  EXPECT_EQ(summary.at("hidden_size"), 256);
  EXPECT_EQ(summary.at("kv_heads"), 4);
  EXPECT_EQ(summary.at("vocab_size"), 4096);
  EXPECT_EQ(summary.at("stored_dtype"), "bf16");
  EXPECT_EQ(summary.at("exits").at("layers"), (std::vector<int>{3, 6}));
  EXPECT_EQ(summary.at("exits").at("head"), "norm");
}

TEST(Inspect, CountsBytesOnEachSideOfTheCut) {
  // d = 256, 4 KV heads of 32: K and V of one position in one layer are 2 · 4 · 32 values.
  constexpr int kv_values = 2 * 4 * 32;
  // Weights of one layer: q, k, v, o, three of the FFN, two norms.
  constexpr int layer_values = 256 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 704 + 2 * 256;
  constexpr int embedding_values = 4096 * 256;
  const auto parts = inspect({model}).at("parts");

  const auto& edge = parts.at("edge");
  EXPECT_EQ(edge.at("stages"), nlohmann::json::parse(R"([{"first_layer": 1, "last_layer": 3},
                                                         {"first_layer": 4, "last_layer": 6}])"));
  EXPECT_EQ(edge.at("kv_bytes_per_token").at("fp32"), 6 * kv_values * 4);
  EXPECT_EQ(edge.at("kv_bytes_per_token").at("bf16"), 6 * kv_values * 2);
  EXPECT_EQ(edge.at("stored_bytes"), 2 * (embedding_values + 6 * layer_values + 2 * 256));
  EXPECT_EQ(edge.at("missing_tensors"), 0);

  const auto& cloud = parts.at("cloud");
  EXPECT_EQ(cloud.at("stages"), nlohmann::json::parse(R"([{"first_layer": 4, "last_layer": 12}])"));
  EXPECT_EQ(cloud.at("kv_bytes_per_token").at("fp32"), 9 * kv_values * 4);
  EXPECT_EQ(cloud.at("stored_bytes"), 2 * (embedding_values + 9 * layer_values + 256));

  EXPECT_EQ(parts.at("whole").at("stored_bytes"),
            2 * (embedding_values + 12 * layer_values + 3 * 256));
}

TEST(Inspect, CountsTheBytesOfARow) {
  EXPECT_EQ(inspect({model}).at("row_bytes"),
            nlohmann::json::parse(R"({"fp32": 1024, "bf16": 512, "fp16": 512})"));
}

TEST(Inspect, ShowsHowMuchLargerACloudsCacheIsThanItsRows) {
  // Keys and values of nine layers, of 128 values each, for a row of 256.
  EXPECT_EQ(inspect({model}).at("kv_per_row"), 2.0 * 9 * 128 / 256);
}

TEST(Inspect, ShowsACutThatTheUserAsksFor) {
  const auto summary = inspect({model, "--exit-layers", "2"});
  EXPECT_EQ(summary.at("exits").at("layers"), (std::vector<int>{2}));
  EXPECT_EQ(summary.at("exits").at("head"), "shared");
  EXPECT_EQ(summary.at("parts").at("cloud").at("stages").at(0).at("first_layer"), 3);
}

TEST(Inspect, ShowsNoCutOfAModelWithoutExits) {
  const auto summary = inspect({plain_model});
  EXPECT_TRUE(summary.at("exits").is_null());
  EXPECT_FALSE(summary.contains("row_bytes"));
  EXPECT_FALSE(summary.at("parts").contains("edge"));
  EXPECT_TRUE(summary.at("parts").contains("whole"));
}

TEST(Inspect, PrintsTheSameForPeople) {
  const auto text = run_command({"inspect", model}).out;
  EXPECT_THAT(text, HasSubstr("llama: 12 layers, d 256, 8 heads (4 KV) of 32"));
  EXPECT_THAT(text, HasSubstr("after layers 3, 6: norm heads"));
  EXPECT_THAT(text, HasSubstr("after layer 3: 1024 B as fp32, 512 B as bf16, 512 B as fp16"));
  EXPECT_THAT(text, HasSubstr("1..3 | 4..6"));
  EXPECT_THAT(text, Not(HasSubstr("are not here")));
  EXPECT_THAT(run_command({"inspect", plain_model}).out, HasSubstr("exits         none"));
}

TEST(Inspect, RefusesExitLayersBeyondTheModel) {
  const auto result = run_command({"inspect", model, "--exit-layers", "99"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("99"));
  EXPECT_EQ(run_command({"inspect", model, "--exit-layers", "x"}).err,
            "cecollm: --exit-layers: 'x' is no whole number; write them with commas between\n");
}

}  // namespace
}  // namespace cecollm::apps
