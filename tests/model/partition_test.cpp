#include "model/partition.hpp"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto no_head = StageHead{};
constexpr auto final_head_of_stage = StageHead{StageHead::Kind::final, 0};
StageHead exit_head(int index) {
  return {StageHead::Kind::exit, index};
}

ModelConfig six_layers(std::vector<int> exits = {2, 4}, ExitHeadKind head = ExitHeadKind::norm) {
  ModelConfig config;
  config.hidden_size = 8;
  config.intermediate_size = 12;
  config.num_layers = 6;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 3;
  config.vocab_size = 16;
  config.sliding_window.assign(6, 0);
  if (!exits.empty()) config.exits = EarlyExits{std::move(exits), head};
  return config;
}

std::map<std::string, std::vector<std::int64_t>> shapes(const ModelConfig& config, Part part) {
  std::map<std::string, std::vector<std::int64_t>> found;
  for (const auto& spec : tensors_of(config, part)) {
    EXPECT_TRUE(found.emplace(spec.name, spec.shape).second) << spec.name << " listed twice";
  }
  return found;
}

std::set<int> layers(const ModelConfig& config, Part part) {
  std::set<int> found;
  for (int layer = 0; layer < config.num_layers; ++layer) {
    if (shapes(config, part)
            .contains("model.layers." + std::to_string(layer) + ".mlp.up_proj.weight")) {
      found.insert(layer);
    }
  }
  return found;
}

bool reads(const ModelConfig& config, Part part, const std::string& name) {
  return shapes(config, part).contains(name);
}

TEST(Partition, ChainsTheStagesOfEveryPart) {
  const auto config = six_layers();
  EXPECT_THAT(stages_of(config, Part::edge),
              ElementsAre(Stage{{0, 2}, exit_head(0)}, Stage{{2, 4}, exit_head(1)}));
  EXPECT_THAT(stages_of(config, Part::cloud), ElementsAre(Stage{{2, 6}, final_head_of_stage}));
  EXPECT_THAT(stages_of(config, Part::cloud_only),
              ElementsAre(Stage{{0, 2}, no_head}, Stage{{2, 6}, final_head_of_stage}));
  EXPECT_THAT(stages_of(config, Part::whole),
              ElementsAre(Stage{{0, 2}, exit_head(0)}, Stage{{2, 4}, exit_head(1)},
                          Stage{{4, 6}, final_head_of_stage}));
}

TEST(Partition, GivesAModelWithoutExitsOneStageAndNoEdge) {
  const auto config = six_layers({});
  EXPECT_THAT(stages_of(config, Part::edge), IsEmpty());
  EXPECT_THAT(stages_of(config, Part::cloud), IsEmpty());
  EXPECT_THAT(tensors_of(config, Part::edge), IsEmpty());
  EXPECT_THAT(tensors_of(config, Part::cloud), IsEmpty());
  EXPECT_EQ(kv_bytes_per_token(config, Part::edge, DType::f32), 0);
  for (const auto part : {Part::whole, Part::cloud_only}) {
    EXPECT_THAT(stages_of(config, part), ElementsAre(Stage{{0, 6}, final_head_of_stage}));
    EXPECT_EQ(layers(config, part).size(), 6U);
  }
}

TEST(Partition, GivesEachSideItsLayersAndBothThoseBetweenFirstAndLastExit) {
  const auto config = six_layers();
  EXPECT_THAT(layers(config, Part::edge), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(layers(config, Part::cloud), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(layers(config, Part::cloud_only), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(layers(config, Part::whole), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Partition, NamesAndShapesTheTensorsOfALayer) {
  auto config = six_layers();
  const auto plain = shapes(config, Part::whole);
  const auto layer_tensors = [](const auto& all) {
    std::map<std::string, std::vector<std::int64_t>> own;
    for (const auto& [name, shape] : all) {
      if (name.starts_with("model.layers.5.")) own.emplace(name.substr(15), shape);
    }
    return own;
  };
  using Shapes = std::map<std::string, std::vector<std::int64_t>>;
  Shapes expected = {{"input_layernorm.weight", {8}},      {"self_attn.q_proj.weight", {12, 8}},
                     {"self_attn.k_proj.weight", {6, 8}},  {"self_attn.v_proj.weight", {6, 8}},
                     {"self_attn.o_proj.weight", {8, 12}}, {"post_attention_layernorm.weight", {8}},
                     {"mlp.gate_proj.weight", {12, 8}},    {"mlp.up_proj.weight", {12, 8}},
                     {"mlp.down_proj.weight", {8, 12}}};
  EXPECT_EQ(layer_tensors(plain), expected);

  config.qkv_bias = true;
  expected.insert({{"self_attn.q_proj.bias", {12}},
                   {"self_attn.k_proj.bias", {6}},
                   {"self_attn.v_proj.bias", {6}}});
  EXPECT_EQ(layer_tensors(shapes(config, Part::whole)), expected);
  config.output_bias = true;
  expected.insert({"self_attn.o_proj.bias", {8}});
  EXPECT_EQ(layer_tensors(shapes(config, Part::whole)), expected);
  config.mlp_bias = true;
  expected.insert(
      {{"mlp.gate_proj.bias", {12}}, {"mlp.up_proj.bias", {12}}, {"mlp.down_proj.bias", {8}}});
  EXPECT_EQ(layer_tensors(shapes(config, Part::whole)), expected);
  config.qk_norm = true;
  expected.insert({{"self_attn.q_norm.weight", {3}}, {"self_attn.k_norm.weight", {3}}});
  EXPECT_EQ(layer_tensors(shapes(config, Part::whole)), expected);
}

TEST(Partition, GivesHeadsWhatTheyReadAndNoMore) {
  struct Case {
    ExitHeadKind head;
    bool tied;
    bool edge_final_norm, edge_lm_head, edge_exit_norm, edge_exit_lm_head;
  };
  for (const auto& [head, tied, edge_final_norm, edge_lm_head, edge_exit_norm, edge_exit_lm_head] :
       {Case{ExitHeadKind::shared, false, true, true, false, false},
        Case{ExitHeadKind::shared, true, true, false, false, false},
        Case{ExitHeadKind::norm, false, false, true, true, false},
        Case{ExitHeadKind::norm, true, false, false, true, false},
        Case{ExitHeadKind::linear, false, false, false, true, true},
        Case{ExitHeadKind::linear, true, false, false, true, true}}) {
    auto config = six_layers({2, 4}, head);
    config.tied_embeddings = tied;
    EXPECT_TRUE(reads(config, Part::edge, "model.embed_tokens.weight"));
    EXPECT_EQ(reads(config, Part::edge, "model.norm.weight"), edge_final_norm);
    EXPECT_EQ(reads(config, Part::edge, "lm_head.weight"), edge_lm_head);
    for (const std::string exit : {"2", "4"}) {
      const auto norm = "early_exit." + exit + ".norm.weight";
      const auto lm_head = "early_exit." + exit + ".lm_head.weight";
      for (const auto part : {Part::edge, Part::whole}) {
        EXPECT_EQ(reads(config, part, norm), edge_exit_norm);
        EXPECT_EQ(reads(config, part, lm_head), edge_exit_lm_head);
      }
      for (const auto part : {Part::cloud, Part::cloud_only}) {
        EXPECT_FALSE(reads(config, part, norm) || reads(config, part, lm_head));
      }
    }
    for (const auto part : {Part::cloud, Part::cloud_only, Part::whole}) {
      EXPECT_TRUE(reads(config, part, "model.norm.weight"));
      EXPECT_EQ(reads(config, part, "lm_head.weight"), !tied);
    }
    EXPECT_EQ(reads(config, Part::cloud, "model.embed_tokens.weight"), tied);
    EXPECT_TRUE(reads(config, Part::cloud_only, "model.embed_tokens.weight"));
  }
}

TEST(Partition, ShapesEmbeddingNormsAndHeads) {
  const auto all = shapes(six_layers({2, 4}, ExitHeadKind::linear), Part::whole);
  EXPECT_THAT(all.at("model.embed_tokens.weight"), ElementsAre(16, 8));
  EXPECT_THAT(all.at("model.norm.weight"), ElementsAre(8));
  EXPECT_THAT(all.at("lm_head.weight"), ElementsAre(16, 8));
  EXPECT_THAT(all.at("early_exit.2.norm.weight"), ElementsAre(8));
  EXPECT_THAT(all.at("early_exit.4.lm_head.weight"), ElementsAre(16, 8));
}

TEST(Partition, EdgeAndCloudTogetherAreTheWhole) {
  for (const auto head : {ExitHeadKind::shared, ExitHeadKind::norm, ExitHeadKind::linear}) {
    for (const bool tied : {false, true}) {
      for (const auto& exits : {std::vector{1}, {5}, {1, 2, 3, 4, 5}, {3}}) {
        auto config = six_layers(exits, head);
        config.tied_embeddings = tied;
        auto sides = shapes(config, Part::edge);
        sides.merge(shapes(config, Part::cloud));
        EXPECT_EQ(sides, shapes(config, Part::whole));
      }
    }
  }
}

TEST(Partition, CountsTheKvBytesOfItsLayers) {
  const auto config = six_layers();
  // Keys and values, 2 heads of 3 values each.
  EXPECT_EQ(kv_bytes_per_token(config, Part::edge, DType::f32), 4 * 2 * 2 * 3 * 4);
  EXPECT_EQ(kv_bytes_per_token(config, Part::cloud, DType::bf16), 4 * 2 * 2 * 3 * 2);
  EXPECT_EQ(kv_bytes_per_token(config, Part::whole, DType::f32), 6 * 2 * 2 * 3 * 4);
}

}  // namespace
}  // namespace cecollm::model
