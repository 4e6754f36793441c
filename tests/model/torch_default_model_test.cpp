// The traces of the default model's golden.json, computed by Hugging Face transformers in fp32:
// tokens, sources and confidences at five thresholds.

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/audit.hpp"
#include "model/torch_engine.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/test_device.hpp"

namespace cecollm::model {
namespace {

using tests::succeeded;

constexpr int shards = 12;

class DefaultModel : public testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() {
    const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
    ASSERT_TRUE(succeeded(checkpoint));
    auto loaded = load_engine(*checkpoint, Part::whole,
                              {.dtype = ComputeDType::fp32, .device = tests::test_device()});
    ASSERT_TRUE(succeeded(loaded));
    whole = *std::move(loaded);
    const auto file = std::filesystem::path(CECOLLM_FIXTURES) / "default-model" / "golden.json";
    golden = nlohmann::json::parse(std::ifstream(file));
    ASSERT_GE(golden["traces"].size(), 300U);
  }
  static void TearDownTestSuite() {
    whole.reset();
    golden.clear();
  }
  inline static std::unique_ptr<Engine> whole;
  inline static nlohmann::json golden;
};

int head_of(const std::string& source) {
  if (source == "exit1") return 0;
  if (source == "exit2") return 1;
  EXPECT_EQ(source, "cloud");
  return final_head;
}

void expect_equal(Engine& whole, const nlohmann::json& trace) {
  const auto expected = trace["tokens"].get<std::vector<TokenId>>();
  ReferenceRequest request;
  request.prompt = trace["prompt_ids"].get<std::vector<TokenId>>();
  request.thresholds.assign(2, trace["threshold"].get<float>());
  request.max_tokens = static_cast<int>(expected.size());
  const auto tokens = run_reference(whole, request);
  ASSERT_TRUE(succeeded(tokens));
  ASSERT_EQ(tokens->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& token = (*tokens)[i];
    ASSERT_EQ(token.id, expected[i]) << "token " << i;
    ASSERT_EQ(token.head, head_of(trace["sources"][i])) << "token " << i;
    ASSERT_NEAR(token.confidence, trace["confidences"][i].get<float>(), 1e-4F) << "token " << i;
  }
}

void expect_audited(Engine& whole, const nlohmann::json& trace) {
  std::vector<AuditedToken> emitted;
  for (std::size_t i = 0; i < trace["tokens"].size(); ++i) {
    emitted.push_back({trace["tokens"][i].get<TokenId>(), head_of(trace["sources"][i]), false});
  }
  const std::vector<float> thresholds(2, trace["threshold"].get<float>());
  const auto prompt = trace["prompt_ids"].get<std::vector<TokenId>>();
  const auto report = audit(whole, prompt, emitted, thresholds);
  ASSERT_TRUE(succeeded(report));
  EXPECT_TRUE(report->passed) << testing::PrintToString(report->failures);
}

TEST_P(DefaultModel, GeneratesTheGoldenTraces) {
  const auto& traces = golden["traces"];
  for (auto i = static_cast<std::size_t>(GetParam()); i < traces.size(); i += shards) {
    SCOPED_TRACE("trace " + std::to_string(i) + " at threshold " +
                 std::to_string(traces[i]["threshold"].get<double>()));
    if (traces[i]["margin"].get<double>() >= 1e-3) {
      expect_equal(*whole, traces[i]);
    } else {
      expect_audited(*whole, traces[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, DefaultModel, testing::Range(0, shards));

}  // namespace
}  // namespace cecollm::model
