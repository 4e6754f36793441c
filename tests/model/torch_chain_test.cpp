// Edge and cloud parts, chained by hand, against the whole model: for random prompts, cuts, heads,
// codecs and thresholds.

#include <gtest/gtest.h>

#include "model/audit.hpp"
#include "model/torch_engine.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::open_session;
using tests::run_one;
using tests::succeeded;

struct Chain {
  std::unique_ptr<Engine> edge, cloud;
};

struct ChainedText {
  std::vector<AuditedToken> tokens;
  int asked = 0;
  std::int64_t bytes_up = 0;
};

/// The algorithm of DESIGN.md without actors: rows go up at once, the cloud catches up when asked.
ChainedText generate(const Chain& chain, const std::vector<TokenId>& prompt,
                     const std::vector<float>& thresholds, int max_tokens) {
  ChainedText text;
  const auto edge = open_session(*chain.edge);
  const auto cloud = open_session(*chain.cloud);
  auto next = prompt;
  for (int i = 0; i < max_tokens; ++i) {
    std::optional<AuditedToken> token;
    for (std::size_t exit = 0; exit < thresholds.size() && !token; ++exit) {
      const auto read = exit == 0 ? run_one(*chain.edge, *edge, next, {0})
                                  : run_one(*chain.edge, *edge, {}, {exit});
      EXPECT_TRUE(succeeded(read));
      if (!read) return text;
      if (exit == 0) {
        text.bytes_up += std::ssize(*read->rows.bytes);
        EXPECT_TRUE(succeeded(run_one(*chain.cloud, *cloud, read->rows, {})));
      }
      const auto& reading = read->readings.front();
      if (reading.confidence >= thresholds[exit]) {
        token = {reading.token, static_cast<int>(exit), false};
      }
    }
    if (!token) {
      const auto answer = run_one(*chain.cloud, *cloud, {}, {0});
      EXPECT_TRUE(succeeded(answer));
      if (!answer) return text;
      token = {answer->readings.front().token, final_head, false};
      ++text.asked;
    }
    text.tokens.push_back(*token);
    next = {token->id};
  }
  return text;
}

/// Sums over all texts of a test: the share of tokens that needed the audit's tolerance is only
/// meaningful over many.
class Audits {
 public:
  void add(Engine& whole, const std::vector<TokenId>& prompt, const ChainedText& text,
           const std::vector<float>& thresholds) {
    const auto report = audit(whole, prompt, text.tokens, thresholds);
    ASSERT_TRUE(succeeded(report));
    EXPECT_TRUE(report->passed) << testing::PrintToString(report->failures);
    tokens_ += report->tokens;
    needed_tolerance_ += report->needed_tolerance;
    asked_ += text.asked;
  }
  void expect_sound() const {
    testing::Test::RecordProperty("tokens", static_cast<int>(tokens_));
    testing::Test::RecordProperty("needed_tolerance", static_cast<int>(needed_tolerance_));
    EXPECT_LE(static_cast<double>(needed_tolerance_), 0.01 * static_cast<double>(tokens_));
    EXPECT_GT(asked_, tokens_ / 20) << "the cloud hardly spoke";
    EXPECT_LT(asked_, tokens_ - tokens_ / 20) << "the edge hardly spoke";
  }

 private:
  std::int64_t tokens_ = 0;
  std::int64_t needed_tolerance_ = 0;
  std::int64_t asked_ = 0;
};

using ChainedWith = std::tuple<const char*, Kernels>;
class ChainedParts : public testing::TestWithParam<ChainedWith> {};

std::string name_of_chain(const testing::TestParamInfo<ChainedWith>& chain) {
  return std::string(std::get<0>(chain.param)) +
         (std::get<1>(chain.param) == Kernels::packed ? "_packed" : "_libtorch");
}

TEST_P(ChainedParts, EqualTheWholeModelForRandomCutsPromptsAndThresholds) {
  const auto [codec_name, kernels] = GetParam();
  const RowCodec* codec = find_row_codec(codec_name);  // null: none
  // The whole model by the other kernels, so that each holds the other one to its word.
  const auto others = kernels == Kernels::packed ? Kernels::libtorch : Kernels::packed;
  std::mt19937 random(11);
  std::uniform_int_distribution<int> coin(0, 1);
  std::uniform_real_distribution<float> threshold(0.3F, 0.95F);
  std::uniform_int_distribution<std::size_t> length(1, 60);
  Audits audits;
  for (unsigned model_seed = 1; model_seed <= 8; ++model_seed) {
    std::vector<int> layers;
    for (int layer = 1; layer < 6; ++layer) {
      if (coin(random) == 1) layers.push_back(layer);
    }
    if (layers.empty()) layers = {3};
    const char* head = std::array{"shared", "norm", "linear"}.at(model_seed % 3);
    auto config = tests::with_exits(tests::random_llama(), layers, head);
    config["tie_word_embeddings"] = model_seed % 4 == 0;
    const tests::RandomModel model(config, model_seed);
    const Chain chain{model.load(Part::edge, codec, kernels),
                      model.load(Part::cloud, codec, kernels)};
    const auto whole = model.load(Part::whole, codec, others);
    std::vector<float> thresholds(layers.size());
    for (auto& value : thresholds) value = threshold(random);
    for (int i = 0; i < 4; ++i) {
      const auto prompt = tests::random_ids(length(random), 96, random);
      const auto text = generate(chain, prompt, thresholds, 30);
      ASSERT_EQ(text.tokens.size(), 30U);
      audits.add(*whole, prompt, text, thresholds);
      const auto row_bytes = static_cast<std::int64_t>(chain.edge->row_codec().row_bytes(32));
      EXPECT_EQ(text.bytes_up, row_bytes * (std::ssize(prompt) + 30 - 1));
    }
  }
  audits.expect_sound();
}

INSTANTIATE_TEST_SUITE_P(Codecs, ChainedParts,
                         testing::Combine(testing::Values("none", "fp32", "fp16", "bf16"),
                                          testing::Values(Kernels::packed, Kernels::libtorch)),
                         name_of_chain);

std::vector<TokenId> plain_tokens(Engine& whole, const std::vector<TokenId>& prompt) {
  ReferenceRequest request;
  request.prompt = prompt;
  request.max_tokens = 30;
  request.ignore_eos = true;
  const auto tokens = run_reference(whole, request);
  EXPECT_TRUE(succeeded(tokens));
  std::vector<TokenId> ids;
  for (const auto& token : *tokens) ids.push_back(token.id);
  return ids;
}

TEST(ChainedPartsAtTheEnds, ThresholdsAboveOneGiveThePlainModel) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const Chain chain{model.load(Part::edge), model.load(Part::cloud)};
  const std::vector<TokenId> prompt{1, 5, 9, 44};
  const auto text = generate(chain, prompt, {1.5F, 1.5F}, 30);
  EXPECT_EQ(text.asked, 30);
  std::vector<TokenId> ids;
  for (const auto& token : text.tokens) ids.push_back(token.id);
  EXPECT_EQ(ids, plain_tokens(*model.load(Part::whole), prompt));
}

TEST(ChainedPartsAtTheEnds, TheCloudAloneGivesThePlainModelThroughTheSameCodec) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const std::vector<TokenId> prompt{1, 5, 9, 44};
  for (const char* name : {"none", "fp16"}) {
    const auto* codec = find_row_codec(name);
    const auto alone = model.load(Part::cloud_only, codec);
    ASSERT_EQ(alone->stages().size(), 2U);
    const auto session = open_session(*alone);
    std::vector<TokenId> ids;
    auto next = prompt;
    for (int i = 0; i < 30; ++i) {
      const auto result = run_one(*alone, *session, next, {1});
      ASSERT_TRUE(succeeded(result));
      ids.push_back(result->readings.front().token);
      next = {ids.back()};
    }
    EXPECT_EQ(ids, plain_tokens(*model.load(Part::whole, codec), prompt));
  }
}

TEST(ChainedPartsAtTheEnds, TheRowCodecChangesWhatTheDeepLayersSee) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const std::vector<TokenId> prompt{1, 5, 9, 44};
  const auto exact = model.load(Part::whole);
  const auto coded = model.load(Part::whole, find_row_codec("bf16"));
  const auto a = exact->score(prompt, prompt);
  const auto b = coded->score(prompt, prompt);
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  EXPECT_EQ(a->back()[0].max_logit, b->back()[0].max_logit);  // the exit at E1 reads before it
  EXPECT_NE(a->back()[1].max_logit, b->back()[1].max_logit);
  EXPECT_NE(a->back()[2].max_logit, b->back()[2].max_logit);
}

TEST(SplitParts, EachSideLoadsAndWorksWithoutTheOthersTensors) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const tests::TemporaryDirectory out;
  const auto edge_dir = out.path() / "edge";
  const auto cloud_dir = out.path() / "cloud";
  ASSERT_TRUE(succeeded(split(model.checkpoint(), edge_dir, cloud_dir)));
  const auto edge = Checkpoint::open(edge_dir);
  const auto cloud = Checkpoint::open(cloud_dir);
  ASSERT_TRUE(succeeded(edge));
  ASSERT_TRUE(succeeded(cloud));
  EXPECT_FALSE(edge->has("model.layers.4.mlp.down_proj.weight"));
  EXPECT_FALSE(cloud->has("model.layers.1.mlp.down_proj.weight"));
  const Chain chain{tests::load_fp32(*edge, Part::edge), tests::load_fp32(*cloud, Part::cloud)};
  const std::vector<TokenId> prompt{1, 5, 9, 44};
  const std::vector<float> thresholds{0.6F, 0.6F};
  const auto text = generate(chain, prompt, thresholds, 30);
  const auto report = audit(*model.load(Part::whole), prompt, text.tokens, thresholds);
  ASSERT_TRUE(succeeded(report));
  EXPECT_TRUE(report->passed) << testing::PrintToString(report->failures);

  const EngineOptions fp32{ComputeDType::fp32, nullptr};
  EXPECT_TRUE(tests::fails_with(load_engine(*edge, Part::cloud, fp32), ErrorCode::mismatch,
                                {"model.layers."}));
  EXPECT_TRUE(tests::fails_with(load_engine(*cloud, Part::edge, fp32), ErrorCode::mismatch,
                                {"model.embed_tokens.weight"}));
  EXPECT_FALSE(load_engine(*cloud, Part::whole, fp32));
}

}  // namespace
}  // namespace cecollm::model
