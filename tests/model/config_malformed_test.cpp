// What read_config refuses: each case changes one thing of a good configuration.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "model/config.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/small_checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using tests::fails_with;
using tests::TemporaryDirectory;

struct Case {
  json patch;  // RFC 7396: null removes a key
  std::string_view reason;
};

void expect_refused(const std::vector<Case>& cases, ErrorCode code, const json& base) {
  for (const auto& [patch, reason] : cases) {
    const TemporaryDirectory dir;
    auto config = base;
    config.merge_patch(patch);
    const auto path = dir.write("config.json", config.dump());
    EXPECT_TRUE(fails_with(read_config(dir.path()), code, {path.string() + ": ", reason})) << patch;
  }
}

json mistral() {
  auto config = tests::small_llama();
  config["model_type"] = "mistral";
  config["architectures"] = {"MistralForCausalLM"};
  return config;
}

json qwen3() {
  auto config = tests::small_llama();
  config["model_type"] = "qwen3";
  config["architectures"] = {"Qwen3ForCausalLM"};
  config["head_dim"] = 6;
  return config;
}

TEST(ConfigRefusal, NamesWhatIsNotSupported) {
  const json layer_types = {"full_attention", "full_attention", "full_attention", "full_attention",
                            "chunked_attention"};
  expect_refused(
      {
          {{{"model_type", "gpt2"}}, "model_type: \"gpt2\" is not supported"},
          {{{"model_type", nullptr}, {"architectures", {"GPT2LMHeadModel"}}},
           "architectures: \"GPT2LMHeadModel\" is not supported"},
          {{{"architectures", {"LlamaForSequenceClassification"}}},
           "architectures: \"LlamaForSequenceClassification\""},
          {{{"architectures", {"Qwen2ForCausalLM"}}}, "only LlamaForCausalLM"},
          {{{"hidden_act", "gelu"}}, "hidden_act: \"gelu\" is not supported, only silu"},
          {{{"quantization_config", {{"bits", 4}}}}, "quantization_config"},
          {{{"torch_dtype", "float64"}}, "torch_dtype: \"float64\""},
          {{{"dtype", "float8_e4m3fn"}}, "dtype: \"float8_e4m3fn\""},
          {{{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}},
           "rope_scaling.type: \"linear\" is not supported, only default and llama3"},
          {{{"rope_scaling", {{"rope_type", "dynamic"}}}}, "rope_scaling.rope_type: \"dynamic\""},
          {{{"rope_scaling", {{"rope_type", "yarn"}}}}, "\"yarn\""},
          {{{"rope_scaling", {{"rope_type", "longrope"}}}}, "\"longrope\""},
          {{{"rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 10000.0}}}},
           "rope_parameters.rope_type: \"yarn\""},
          {{{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}},
           "rope_parameters.: parameters by layer type"},
          {{{"partial_rotary_factor", 0.5}}, "partial_rotary_factor"},
          {{{"rope_parameters", {{"rope_type", "default"}, {"partial_rotary_factor", 0.25}}}},
           "rope_parameters.partial_rotary_factor"},
          {{{"early_exit", {{"layers", {1}}, {"head", "mlp"}}}},
           "early_exit.head: \"mlp\" is not supported, only shared, norm and linear"},
          {{{"layer_types", layer_types}}, "layer_types: \"chunked_attention\""},
      },
      ErrorCode::unsupported, tests::small_llama());
  expect_refused({{{{"attention_bias", true}}, "attention_bias: not part of this architecture"},
                  {{{"mlp_bias", true}}, "mlp_bias: not part of this architecture"},
                  {{{"sliding_window", 4},
                    {"layer_types",
                     {"sliding_attention", "full_attention", "sliding_attention", "full_attention",
                      "sliding_attention"}}},
                   "layer_types: all layers of this architecture"}},
                 ErrorCode::unsupported, mistral());
  expect_refused({{{{"mlp_bias", true}}, "mlp_bias: not part of this architecture"}},
                 ErrorCode::unsupported, qwen3());
}

TEST(ConfigRefusal, NamesMissingAndMisshapenKeys) {
  expect_refused(
      {
          {{{"model_type", nullptr}, {"architectures", nullptr}}, "model_type: missing"},
          {{{"model_type", 1}}, "model_type: must be a string"},
          {{{"architectures", json::array()}}, "architectures: must be a list of names"},
          {{{"architectures", "LlamaForCausalLM"}}, "architectures: must be a list of names"},
          {{{"hidden_size", nullptr}}, "hidden_size: missing"},
          {{{"intermediate_size", nullptr}}, "intermediate_size: missing"},
          {{{"num_hidden_layers", nullptr}}, "num_hidden_layers: missing"},
          {{{"num_attention_heads", nullptr}}, "num_attention_heads: missing"},
          {{{"vocab_size", nullptr}}, "vocab_size: missing"},
          {{{"max_position_embeddings", nullptr}}, "max_position_embeddings: missing"},
          {{{"hidden_size", "8"}}, "hidden_size: must be a whole number"},
          {{{"hidden_size", 8.0}}, "hidden_size: must be a whole number"},
          {{{"hidden_size", true}}, "hidden_size: must be a whole number"},
          {{{"hidden_size", {8}}}, "hidden_size: must be a whole number"},
          {{{"tie_word_embeddings", "yes"}}, "tie_word_embeddings: must be true or false"},
          {{{"hidden_act", 1}}, "hidden_act: must be a string"},
          {{{"torch_dtype", 16}}, "torch_dtype: must be a string"},
          {{{"rope_theta", "10000"}}, "rope_theta: must be a number"},
          {{{"rope_scaling", "llama3"}}, "rope_scaling: must be an object"},
          {{{"rope_scaling", {{"factor", 8.0}}}}, "rope_scaling.rope_type: missing"},
          {{{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}}},
           "rope_scaling.low_freq_factor: missing"},
          {{{"layer_types", {"full_attention"}}},
           "layer_types: must be a list of num_hidden_layers 5"},
          {{{"eos_token_id", "2"}}, "eos_token_id: must be a whole number"},
          {{{"eos_token_id", {2, "3"}}}, "eos_token_id: must be a whole number"},
          {{{"early_exit", {3, 6}}}, "early_exit: must be an object"},
          {{{"early_exit", {{"head", "norm"}}}}, "early_exit.layers: must be a list of layers"},
          {{{"early_exit", {{"layers", json::array()}, {"head", "norm"}}}},
           "early_exit.layers: must be a list of layers"},
          {{{"early_exit", {{"layers", {1}}}}}, "early_exit.head: missing"},
          {{{"early_exit", {{"layers", {1}}, {"head", 1}}}}, "early_exit.head: must be a string"},
          {{{"early_exit", {{"layers", {"1"}}, {"head", "norm"}}}},
           "early_exit.layers: must be a whole number"},
      },
      ErrorCode::malformed, tests::small_llama());
  expect_refused({{{{"rope_theta", nullptr}}, "rope_theta: missing"},
                  {{{"num_key_value_heads", nullptr}}, "num_key_value_heads: missing"}},
                 ErrorCode::malformed, mistral());
  expect_refused({{{{"head_dim", nullptr}}, "head_dim: missing"},
                  {{{"use_sliding_window", true}}, "sliding_window: missing"},
                  {{{"layer_types",
                     {"sliding_attention", "full_attention", "full_attention", "full_attention",
                      "full_attention"}}},
                   "layer_types: sliding_attention without a sliding window"}},
                 ErrorCode::malformed, qwen3());
}

TEST(ConfigRefusal, NamesValuesOutOfRange) {
  json many_ids = json::array();
  for (int i = 0; i < 1025; ++i) many_ids.push_back(1);
  const auto llama3 = [](double factor, double low, double high, double original) -> json {
    return {{"rope_scaling",
             {{"rope_type", "llama3"},
              {"factor", factor},
              {"low_freq_factor", low},
              {"high_freq_factor", high},
              {"original_max_position_embeddings", original}}}};
  };
  const auto exits = [](const json& layers) -> json {
    return {{"early_exit", {{"layers", layers}, {"head", "norm"}}}};
  };
  expect_refused(
      {
          {{{"hidden_size", 0}}, "hidden_size: must be a whole number from 1 to 1048576, not 0"},
          {{{"hidden_size", -8}}, "not -8"},
          {{{"hidden_size", 1048577}}, "not 1048577"},
          {{{"hidden_size", 18446744073709551615U}}, "hidden_size: must be a whole number"},
          {{{"intermediate_size", 2000000}}, "intermediate_size: "},
          {{{"num_hidden_layers", 0}}, "num_hidden_layers: "},
          {{{"num_hidden_layers", 2147483647}}, "num_hidden_layers: "},
          {{{"num_attention_heads", 0}}, "num_attention_heads: "},
          {{{"num_key_value_heads", 0}}, "num_key_value_heads: "},
          {{{"num_key_value_heads", 3}}, "num_key_value_heads: 3 does not divide"},
          {{{"num_key_value_heads", 8}}, "num_key_value_heads: 8 does not divide"},
          {{{"num_attention_heads", 6}}, "num_attention_heads: 6 does not divide hidden_size 8"},
          {{{"head_dim", 3}}, "head_dim: 3 is odd"},
          {{{"head_dim", 1048576}}, "head_dim: times num_attention_heads is more than 1048576"},
          {{{"vocab_size", 0}}, "vocab_size: "},
          {{{"vocab_size", 2000000000}}, "vocab_size: "},
          {{{"max_position_embeddings", 0}}, "max_position_embeddings: "},
          {{{"max_position_embeddings", 4294967296}}, "max_position_embeddings: "},
          {{{"rms_norm_eps", -1e-5}}, "rms_norm_eps: must be a number not below 0"},
          {{{"rope_theta", 0}}, "rope_theta: must be a number not below 1"},
          {{{"rope_parameters", {{"rope_theta", 5.0}}}},
           "rope_parameters.rope_theta: contradicts rope_theta"},
          {{{"rope_parameters", {{"rope_theta", -1.0}}}}, "rope_parameters.rope_theta: must be"},
          {llama3(0.5, 1, 4, 64), "rope_scaling.factor: must be a number not below 1"},
          {llama3(8, 0, 4, 64), "rope_scaling.low_freq_factor: must be positive"},
          {llama3(8, 4, 4, 64), "less than high_freq_factor"},
          {llama3(8, 1, 4, 0), "rope_scaling.original_max_position_embeddings: must be"},
          {{{"bos_token_id", 16}}, "bos_token_id: must be a whole number from 0 to 15, not 16"},
          {{{"eos_token_id", -1}}, "eos_token_id: must be a whole number from 0 to 15, not -1"},
          {{{"eos_token_id", {2, 16}}}, "eos_token_id: "},
          {{{"eos_token_id", many_ids}}, "eos_token_id: more than 1024 ids"},
          {exits({0}), "early_exit.layers: must be a whole number from 1"},
          {exits({5}), "early_exit.layers: exit layer 5 is not between 1 and 4"},
          {exits({2, 2}), "early_exit.layers: exit layers must ascend, but 2 follows 2"},
          {exits({3, 2}), "early_exit.layers: exit layers must ascend, but 2 follows 3"},
          {exits({1, 2, 3, 4, 4, 4}), "early_exit.layers: must be a list"},
      },
      ErrorCode::malformed, tests::small_llama());
  auto contradiction = llama3(8, 1, 4, 64);
  contradiction["rope_parameters"] = {{"rope_type", "default"}};
  expect_refused({{contradiction, "rope_parameters: contradicts rope_scaling"}},
                 ErrorCode::malformed, tests::small_llama());
  expect_refused({{{{"sliding_window", 0}}, "sliding_window: must be a whole number from 1"}},
                 ErrorCode::malformed, mistral());
}

TEST(ConfigRefusal, NamesFilesThatAreAbsentBrokenOrTooLong) {
  const TemporaryDirectory dir;
  const auto path = (dir.path() / "config.json").string();
  EXPECT_TRUE(fails_with(read_config(dir.path()), ErrorCode::unreadable, {path, "no such file"}));
  for (const auto& [content, reason] :
       {std::pair<std::string, std::string_view>{"", "invalid JSON at byte 1"},
        {"{\"a\": }", "invalid JSON at byte 7"},
        {"{\"a\": 1e999}", "a number is out of range"},
        {"{\"\xff\": 1}", "invalid JSON"},
        {"[]", "a JSON object was expected, not array"},
        {std::string(1 << 20, '['), "invalid JSON"},
        {std::string((1 << 20) + 1, ' '), "1048577 bytes long, at most 1048576 are accepted"}}) {
    dir.write("config.json", content);
    EXPECT_TRUE(fails_with(read_config(dir.path()), ErrorCode::malformed, {path, reason}));
  }
  std::filesystem::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(
      fails_with(read_config(dir.path()), ErrorCode::unreadable, {path, "not a regular file"}));
}

TEST(ConfigRefusal, NamesABrokenGenerationConfiguration) {
  const TemporaryDirectory dir;
  dir.write("config.json", tests::small_llama().dump());
  for (const auto& [content, reason] :
       {std::pair{"{", "invalid JSON"},
        {"[]", "not array"},
        {R"({"eos_token_id": 16})", "eos_token_id: must be a whole number from 0 to 15"}}) {
    dir.write("generation_config.json", content);
    EXPECT_TRUE(fails_with(read_config(dir.path()), ErrorCode::malformed,
                           {"generation_config.json", reason}));
  }
}

}  // namespace
}  // namespace cecollm::model
