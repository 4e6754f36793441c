// Activations and greedy text of tests/fixtures/tiny, computed by Hugging Face transformers in
// fp32.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <tuple>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/audit.hpp"
#include "model/torch_engine.hpp"
#include "model/torch_probe.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/test_device.hpp"

namespace cecollm::model {
namespace {

using tests::succeeded;
using tests::test_device;

const std::filesystem::path fixtures = std::filesystem::path(CECOLLM_FIXTURES) / "tiny";

std::vector<float> values_of(const TensorView& view) {
  EXPECT_EQ(view.dtype, "F32");
  std::vector<float> values(view.bytes.size() / sizeof(float));
  std::ranges::copy(view.bytes, std::as_writable_bytes(std::span(values)).begin());
  return values;
}

/// max|a - b| <= 1e-4 max|b|
testing::AssertionResult close(const std::vector<float>& actual, const std::vector<float>& golden) {
  if (actual.size() != golden.size()) {
    return testing::AssertionFailure() << actual.size() << " values, not " << golden.size();
  }
  float difference = 0.0F;
  float largest = 0.0F;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    if (!std::isfinite(actual[i])) return testing::AssertionFailure() << "value " << i;
    difference = std::max(difference, std::abs(actual[i] - golden[i]));
    largest = std::max(largest, std::abs(golden[i]));
  }
  if (difference <= 1e-4F * largest) return testing::AssertionSuccess();
  return testing::AssertionFailure() << difference << " of " << largest;
}

class TinyModel : public testing::TestWithParam<std::tuple<const char*, Kernels>> {
 protected:
  std::filesystem::path dir() const { return fixtures / std::get<const char*>(GetParam()); }
  Kernels kernels() const { return std::get<Kernels>(GetParam()); }
  std::vector<nlohmann::json> golden_cases() const {
    const auto golden = nlohmann::json::parse(std::ifstream(dir() / "golden.json"));
    return {golden.at("cases").begin(), golden.at("cases").end()};
  }
};

TEST_P(TinyModel, ReproducesEveryHiddenStateAndLogit) {
  const auto checkpoint = Checkpoint::open(dir());
  ASSERT_TRUE(succeeded(checkpoint));
  const auto file = SafetensorsFile::open(dir() / "golden.safetensors");
  ASSERT_TRUE(succeeded(file));
  const auto cases = golden_cases();
  ASSERT_EQ(cases.size(), 3U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto ids = cases[i]["ids"].get<std::vector<TokenId>>();
    const auto trace =
        trace_forward(*checkpoint, ids, ComputeDType::fp32, kernels(), test_device());
    ASSERT_TRUE(succeeded(trace));
    const std::string prefix = std::to_string(i) + ".";
    // The file holds the output of every layer but the last, which it gives as logits.
    for (int k = 0; k < checkpoint->config().num_layers; ++k) {
      const auto& tensor = file->tensors().at(prefix + "hidden." + std::to_string(k));
      EXPECT_TRUE(close(trace->hidden[static_cast<std::size_t>(k)], values_of(tensor)))
          << "case " << i << " layer " << k;
    }
    EXPECT_TRUE(close(trace->logits, values_of(file->tensors().at(prefix + "logits"))))
        << "case " << i;
  }
}

TEST_P(TinyModel, ContinuesGreedilyAsTheReference) {
  const auto checkpoint = Checkpoint::open(dir());
  ASSERT_TRUE(succeeded(checkpoint));
  const auto whole =
      load_engine(*checkpoint, Part::whole,
                  {.dtype = ComputeDType::fp32, .kernels = kernels(), .device = test_device()});
  ASSERT_TRUE(succeeded(whole));
  for (const auto& golden_case : golden_cases()) {
    const auto expected = golden_case["greedy"].get<std::vector<TokenId>>();
    ReferenceRequest request;
    request.prompt = golden_case["ids"].get<std::vector<TokenId>>();
    request.max_tokens = static_cast<int>(expected.size());
    request.ignore_eos = true;
    if (golden_case["margin"].get<double>() >= 1e-3) {
      const auto tokens = run_reference(**whole, request);
      ASSERT_TRUE(succeeded(tokens));
      EXPECT_TRUE(std::ranges::equal(*tokens, expected, {}, &ReferenceToken::id));
    } else {
      std::vector<AuditedToken> emitted;
      for (const auto id : expected) emitted.push_back({id, final_head, false});
      const auto report = audit(**whole, request.prompt, emitted, {});
      ASSERT_TRUE(succeeded(report));
      EXPECT_TRUE(report->passed) << testing::PrintToString(report->failures);
    }
  }
}

std::string test_name(const testing::TestParamInfo<TinyModel::ParamType>& tiny) {
  std::string name = std::get<const char*>(tiny.param);
  name += std::get<Kernels>(tiny.param) == Kernels::packed ? "_packed" : "_libtorch";
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, TinyModel,
                         testing::Combine(testing::Values("llama-mha", "llama3-gqa", "qwen2"),
                                          testing::Values(Kernels::packed, Kernels::libtorch)),
                         test_name);

}  // namespace
}  // namespace cecollm::model
