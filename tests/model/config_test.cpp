#include "model/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/model_errors.hpp"
#include "tests/support/small_checkpoint.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::fails_with;
using tests::small_llama;
using tests::succeeded;
using tests::TemporaryDirectory;

json small(const std::string& family) {
  auto config = small_llama();
  const std::map<std::string, std::string> architectures = {{"mistral", "MistralForCausalLM"},
                                                            {"qwen2", "Qwen2ForCausalLM"},
                                                            {"qwen3", "Qwen3ForCausalLM"}};
  config["model_type"] = family;
  config["architectures"] = {architectures.at(family)};
  if (family == "qwen3") config["head_dim"] = 6;
  return config;
}

Result<ModelConfig> read(const json& config, const std::vector<int>& exit_layers = {},
                         const std::string& generation = "") {
  const TemporaryDirectory dir;
  dir.write("config.json", config.dump());
  if (!generation.empty()) dir.write("generation_config.json", generation);
  return read_config(dir.path(), exit_layers);
}

TEST(Config, ReadsTheDefaultModel) {
  const auto config = read_config(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(config));
  EXPECT_EQ(config->family, Family::llama);
  EXPECT_EQ(config->hidden_size, 256);
  EXPECT_EQ(config->intermediate_size, 704);
  EXPECT_EQ(config->num_layers, 12);
  EXPECT_EQ(config->num_heads, 8);
  EXPECT_EQ(config->num_kv_heads, 4);
  EXPECT_EQ(config->head_dim, 32);
  EXPECT_EQ(config->vocab_size, 4096);
  EXPECT_EQ(config->max_positions, 512);
  EXPECT_EQ(config->rms_norm_eps, 1e-5);
  EXPECT_EQ(config->rope_theta, 10000.0);
  EXPECT_FALSE(config->rope_scaling);
  EXPECT_TRUE(config->tied_embeddings);
  EXPECT_FALSE(config->qkv_bias || config->output_bias || config->mlp_bias || config->qk_norm);
  EXPECT_EQ(config->sliding_window.size(), 12U);
  EXPECT_THAT(config->sliding_window, Each(0));
  EXPECT_EQ(config->stored_dtype, DType::bf16);
  EXPECT_EQ(config->bos, 0);
  EXPECT_THAT(config->eos, ElementsAre(0));
  ASSERT_TRUE(config->exits);
  EXPECT_THAT(config->exits->layers, ElementsAre(3, 6));
  EXPECT_EQ(config->exits->head, ExitHeadKind::norm);
}

TEST(Config, ReadsTheNewerSpellingOfTheFixtures) {
  const std::filesystem::path tiny = std::filesystem::path(CECOLLM_FIXTURES) / "tiny";
  const auto llama = read_config(tiny / "llama-mha");
  ASSERT_TRUE(succeeded(llama));
  EXPECT_EQ(llama->num_kv_heads, 4);
  EXPECT_EQ(llama->rope_theta, 10000.0);
  EXPECT_FALSE(llama->rope_scaling);
  EXPECT_FALSE(llama->tied_embeddings);
  EXPECT_EQ(llama->stored_dtype, DType::f32);
  EXPECT_EQ(llama->bos, 1);
  EXPECT_THAT(llama->eos, ElementsAre(2));
  EXPECT_FALSE(llama->exits);

  const auto llama3 = read_config(tiny / "llama3-gqa");
  ASSERT_TRUE(succeeded(llama3));
  EXPECT_EQ(llama3->num_heads, 8);
  EXPECT_EQ(llama3->num_kv_heads, 2);
  EXPECT_EQ(llama3->head_dim, 8);
  EXPECT_EQ(llama3->rope_theta, 500000.0);
  ASSERT_TRUE(llama3->rope_scaling);
  EXPECT_EQ(llama3->rope_scaling->factor, 8.0);
  EXPECT_EQ(llama3->rope_scaling->low_freq_factor, 1.0);
  EXPECT_EQ(llama3->rope_scaling->high_freq_factor, 4.0);
  EXPECT_EQ(llama3->rope_scaling->original_max_positions, 64.0);
  EXPECT_TRUE(llama3->tied_embeddings);

  const auto qwen2 = read_config(tiny / "qwen2");
  ASSERT_TRUE(succeeded(qwen2));
  EXPECT_EQ(qwen2->family, Family::qwen2);
  EXPECT_EQ(qwen2->head_dim, 8);
  EXPECT_EQ(qwen2->rope_theta, 1e6);
  EXPECT_TRUE(qwen2->qkv_bias);
  EXPECT_FALSE(qwen2->output_bias);
  EXPECT_THAT(qwen2->sliding_window, ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(Config, TellsTheFamiliesApart) {
  const auto llama = read(small_llama());
  const auto mistral = read(small("mistral"));
  const auto qwen2 = read(small("qwen2"));
  const auto qwen3 = read(small("qwen3"));
  ASSERT_TRUE(succeeded(llama) && succeeded(mistral) && succeeded(qwen2) && succeeded(qwen3));
  EXPECT_EQ(llama->family, Family::llama);
  EXPECT_EQ(mistral->family, Family::mistral);
  EXPECT_EQ(qwen2->family, Family::qwen2);
  EXPECT_EQ(qwen3->family, Family::qwen3);
  EXPECT_FALSE(llama->qk_norm || mistral->qk_norm || qwen2->qk_norm);
  EXPECT_TRUE(qwen3->qk_norm);
  EXPECT_EQ(llama->head_dim, 2);
  EXPECT_EQ(qwen3->head_dim, 6);
}

TEST(Config, KnowsTheFamilyByModelTypeOrArchitecture) {
  auto by_architecture = small("qwen2");
  by_architecture.erase("model_type");
  const auto first = read(by_architecture);
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->family, Family::qwen2);
  auto by_type = small("qwen2");
  by_type.erase("architectures");
  const auto second = read(by_type);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->family, Family::qwen2);
}

TEST(Config, AppliesTheDefaultsOfTheFirstLlamas) {
  auto config = small_llama();
  for (const auto* key : {"num_key_value_heads", "rope_theta", "rms_norm_eps", "hidden_act",
                          "tie_word_embeddings", "torch_dtype", "bos_token_id", "eos_token_id"}) {
    config.erase(key);
  }
  const auto read_back = read(config);
  ASSERT_TRUE(succeeded(read_back));
  EXPECT_EQ(read_back->num_kv_heads, 4);
  EXPECT_EQ(read_back->rope_theta, 10000.0);
  EXPECT_EQ(read_back->rms_norm_eps, 1e-6);
  EXPECT_FALSE(read_back->tied_embeddings);
  EXPECT_FALSE(read_back->bos);
  EXPECT_THAT(read_back->eos, IsEmpty());
}

TEST(Config, GivesBiasesToTheProjectionsThatTheFamilyGivesThem) {
  struct Case {
    json config;
    bool qkv, output, mlp;
  };
  auto biased_llama = small_llama();
  biased_llama["attention_bias"] = true;
  biased_llama["mlp_bias"] = true;
  auto biased_qwen3 = small("qwen3");
  biased_qwen3["attention_bias"] = true;
  for (const auto& [config, qkv, output, mlp] :
       {Case{small_llama(), false, false, false}, Case{biased_llama, true, true, true},
        Case{small("mistral"), false, false, false}, Case{small("qwen2"), true, false, false},
        Case{small("qwen3"), false, false, false}, Case{biased_qwen3, true, true, false}}) {
    const auto read_back = read(config);
    ASSERT_TRUE(succeeded(read_back));
    EXPECT_EQ(read_back->qkv_bias, qkv) << config;
    EXPECT_EQ(read_back->output_bias, output) << config;
    EXPECT_EQ(read_back->mlp_bias, mlp) << config;
  }
}

TEST(Config, ReadsLlama3ScalingInAllItsSpellings) {
  const json scaling = {{"factor", 32.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  auto with_rope_type = small_llama();
  with_rope_type["rope_scaling"] = scaling;
  with_rope_type["rope_scaling"]["rope_type"] = "llama3";
  auto with_type = small_llama();
  with_type["rope_scaling"] = scaling;
  with_type["rope_scaling"]["type"] = "llama3";
  auto newer = small_llama();
  newer.erase("rope_theta");
  newer["rope_parameters"] = scaling;
  newer["rope_parameters"]["rope_type"] = "llama3";
  newer["rope_parameters"]["rope_theta"] = 10000.0;
  for (const auto& config : {with_rope_type, with_type, newer}) {
    const auto read_back = read(config);
    ASSERT_TRUE(succeeded(read_back));
    EXPECT_EQ(read_back->rope_theta, 10000.0);
    ASSERT_TRUE(read_back->rope_scaling);
    EXPECT_EQ(read_back->rope_scaling->factor, 32.0);
    EXPECT_EQ(read_back->rope_scaling->original_max_positions, 8192.0);
  }
}

TEST(Config, TakesPlainRotaryEmbeddingsInAllTheirSpellings) {
  auto null_scaling = small_llama();
  null_scaling["rope_scaling"] = nullptr;
  auto default_scaling = small_llama();
  default_scaling["rope_scaling"] = {{"type", "default"}};
  auto newer = small_llama();
  newer["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 10000.0}};
  for (const auto& config : {null_scaling, default_scaling, newer}) {
    const auto read_back = read(config);
    ASSERT_TRUE(succeeded(read_back));
    EXPECT_FALSE(read_back->rope_scaling);
    EXPECT_EQ(read_back->rope_theta, 10000.0);
  }
}

TEST(Config, ReadsTheStoredDtypeInBothSpellings) {
  for (const auto& [key, value, dtype] : {std::tuple{"torch_dtype", "float16", DType::f16},
                                          {"dtype", "bfloat16", DType::bf16},
                                          {"dtype", "float32", DType::f32}}) {
    auto config = small_llama();
    config.erase("torch_dtype");
    config[key] = value;
    const auto read_back = read(config);
    ASSERT_TRUE(succeeded(read_back));
    EXPECT_EQ(read_back->stored_dtype, dtype);
  }
}

TEST(Config, GivesEveryMistralLayerTheSlidingWindow) {
  auto config = small("mistral");
  config["sliding_window"] = 7;
  const auto sliding = read(config);
  ASSERT_TRUE(succeeded(sliding));
  EXPECT_THAT(sliding->sliding_window, ElementsAre(7, 7, 7, 7, 7));
  config["sliding_window"] = nullptr;
  const auto full = read(config);
  ASSERT_TRUE(succeeded(full));
  EXPECT_THAT(full->sliding_window, ElementsAre(0, 0, 0, 0, 0));
  config.erase("sliding_window");
  const auto unstated = read(config);
  ASSERT_TRUE(succeeded(unstated));
  EXPECT_THAT(unstated->sliding_window, Each(4096));
}

TEST(Config, GivesQwenLayersAWindowOnlyWhereItIsInUse) {
  for (const auto* family : {"qwen2", "qwen3"}) {
    auto config = small(family);
    config["sliding_window"] = 9;
    config["max_window_layers"] = 2;
    config["use_sliding_window"] = false;
    const auto unused = read(config);
    ASSERT_TRUE(succeeded(unused));
    EXPECT_THAT(unused->sliding_window, Each(0));
    config["use_sliding_window"] = true;
    const auto upper = read(config);
    ASSERT_TRUE(succeeded(upper));
    EXPECT_THAT(upper->sliding_window, ElementsAre(0, 0, 9, 9, 9));
    config["layer_types"] = {"sliding_attention", "full_attention", "full_attention",
                             "full_attention", "sliding_attention"};
    const auto named = read(config);
    ASSERT_TRUE(succeeded(named));
    EXPECT_THAT(named->sliding_window, ElementsAre(9, 0, 0, 0, 9));
  }
}

TEST(Config, IgnoresASlidingWindowOfLlama) {
  auto config = small_llama();
  config["sliding_window"] = 9;
  const auto read_back = read(config);
  ASSERT_TRUE(succeeded(read_back));
  EXPECT_THAT(read_back->sliding_window, Each(0));
}

TEST(Config, TakesEndTokensFromTheGenerationConfigurationWhereItHasThem) {
  auto config = small_llama();
  config["eos_token_id"] = {3, 4, 3};
  const auto own = read(config);
  ASSERT_TRUE(succeeded(own));
  EXPECT_THAT(own->eos, ElementsAre(3, 4));
  for (const auto& [generation, eos] : {std::pair{R"({"eos_token_id": 5})", std::vector{5}},
                                        {R"({"eos_token_id": [6, 7]})", {6, 7}},
                                        {R"({"eos_token_id": null})", {3, 4}},
                                        {"{}", {3, 4}}}) {
    const auto read_back = read(config, {}, generation);
    ASSERT_TRUE(succeeded(read_back));
    EXPECT_EQ(read_back->eos, eos) << generation;
  }
  config["eos_token_id"] = nullptr;
  const auto none = read(config);
  ASSERT_TRUE(succeeded(none));
  EXPECT_THAT(none->eos, IsEmpty());
}

TEST(Config, ReadsExitsOfEveryHeadKind) {
  for (const auto& [name, kind] : {std::pair{"shared", ExitHeadKind::shared},
                                   {"norm", ExitHeadKind::norm},
                                   {"linear", ExitHeadKind::linear}}) {
    auto config = small_llama();
    config["early_exit"] = {{"layers", {1, 4}}, {"head", name}};
    const auto read_back = read(config);
    ASSERT_TRUE(succeeded(read_back));
    ASSERT_TRUE(read_back->exits);
    EXPECT_THAT(read_back->exits->layers, ElementsAre(1, 4));
    EXPECT_EQ(read_back->exits->head, kind);
  }
}

TEST(Config, LetsAUserReplaceTheExitsBySharedHeads) {
  auto config = small_llama();
  const auto plain = read(config, {2});
  ASSERT_TRUE(succeeded(plain));
  ASSERT_TRUE(plain->exits);
  EXPECT_THAT(plain->exits->layers, ElementsAre(2));
  EXPECT_EQ(plain->exits->head, ExitHeadKind::shared);

  config["early_exit"] = {{"layers", {1, 3}}, {"head", "linear"}};
  const auto replaced = read(config, {1, 2});
  ASSERT_TRUE(succeeded(replaced));
  EXPECT_THAT(replaced->exits->layers, ElementsAre(1, 2));
  EXPECT_EQ(replaced->exits->head, ExitHeadKind::shared);
  const auto kept = read(config, {1, 3});
  ASSERT_TRUE(succeeded(kept));
  EXPECT_EQ(kept->exits->head, ExitHeadKind::linear);
}

TEST(Config, RefusesExitLayersOfAUserThatTheModelDoesNotHave) {
  for (const auto& [layers, reason] :
       {std::pair{std::vector{0}, "exit layer 0 is not between 1 and 4"},
        {{5}, "exit layer 5 is not between 1 and 4"},
        {{-3}, "exit layer -3"},
        {{2, 2}, "must ascend, but 2 follows 2"},
        {{3, 1}, "must ascend, but 1 follows 3"}}) {
    EXPECT_TRUE(
        fails_with(read(small_llama(), layers), ErrorCode::out_of_range, {"config.json", reason}));
  }
}

TEST(Config, CanonicalTextLeavesOutWhatDoesNotChangeTheComputation) {
  auto older = small_llama();
  older["early_exit"] = {{"layers", {1}}, {"head", "norm"}};
  auto newer = older;
  newer.erase("torch_dtype");
  newer.erase("rope_theta");
  newer["dtype"] = "float32";
  newer["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 10000}};
  newer["early_exit"]["layers"] = {2};
  newer["transformers_version"] = "5";
  const auto a = read(older);
  const auto b = read(newer);
  ASSERT_TRUE(succeeded(a) && succeeded(b));
  EXPECT_EQ(canonical_text(*a), canonical_text(*b));
}

TEST(Config, CanonicalTextShowsEveryFieldThatChangesTheComputation) {
  const auto base = read(small_llama());
  ASSERT_TRUE(succeeded(base));
  const auto text = canonical_text(*base);
  using Change = void (*)(ModelConfig&);
  const std::vector<Change> changes = {
      [](ModelConfig& c) { c.family = Family::qwen2; },
      [](ModelConfig& c) { ++c.hidden_size; },
      [](ModelConfig& c) { ++c.intermediate_size; },
      [](ModelConfig& c) { ++c.num_layers; },
      [](ModelConfig& c) { ++c.num_heads; },
      [](ModelConfig& c) { ++c.num_kv_heads; },
      [](ModelConfig& c) { ++c.head_dim; },
      [](ModelConfig& c) { ++c.vocab_size; },
      [](ModelConfig& c) { ++c.max_positions; },
      [](ModelConfig& c) { c.rms_norm_eps = 1.0000000000000003e-5; },
      [](ModelConfig& c) { c.rope_theta = 10000.000000000002; },
      [](ModelConfig& c) { c.rope_scaling = Llama3RopeScaling{}; },
      [](ModelConfig& c) { c.rope_scaling = Llama3RopeScaling{.original_max_positions = 1}; },
      [](ModelConfig& c) { c.tied_embeddings = true; },
      [](ModelConfig& c) { c.qkv_bias = true; },
      [](ModelConfig& c) { c.output_bias = true; },
      [](ModelConfig& c) { c.mlp_bias = true; },
      [](ModelConfig& c) { c.qk_norm = true; },
      [](ModelConfig& c) { c.sliding_window[3] = 1; },
      [](ModelConfig& c) {
        c.eos = {2, 3};
      },
  };
  std::set<std::string> texts = {text};
  for (const auto change : changes) {
    auto changed = *base;
    change(changed);
    EXPECT_TRUE(texts.insert(canonical_text(changed)).second) << canonical_text(changed);
  }
}

TEST(DType, NamesRoundTripAndUnknownNamesAreNone) {
  for (const auto& [dtype, name, bytes] :
       {std::tuple{DType::f32, "fp32", 4U}, {DType::f16, "fp16", 2U}, {DType::bf16, "bf16", 2U}}) {
    EXPECT_EQ(name_of(dtype), name);
    EXPECT_EQ(dtype_from_name(name), dtype);
    EXPECT_EQ(size_of(dtype), bytes);
  }
  EXPECT_FALSE(dtype_from_name("float32"));
  EXPECT_FALSE(dtype_from_name(""));
}

}  // namespace
}  // namespace cecollm::model
