// DESIGN's third invariant, on a real link: each row goes up once, whatever the threshold.

#include <gtest/gtest.h>

#include "tests/support/cloud_process.hpp"

namespace cecollm::apps {
namespace {

constexpr std::int64_t hidden_size = 256;

struct Case {
  const char* row_dtype;
  std::int64_t row_bytes;
};

class RowsOnTheWire : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<tests::CloudProcess>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

  void SetUp() override {
    auto sources = cloud_->edge_sources();
    sources.flags["link.row_dtype"] = {GetParam().row_dtype};
    settings_ = *load_edge_settings(sources);
    edge_ = *EdgeNode::start(settings_, {});
    ASSERT_TRUE(edge_->await_link(std::chrono::seconds(30)).connected);
  }

  actors::GenerationFinished generate(float threshold, const std::string& prompt,
                                      std::int64_t max_tokens) {
    auto request = *request_from(settings_, edge_->config());
    request.prompt = prompt;
    request.thresholds.values.assign(2, threshold);
    request.max_tokens = max_tokens;
    const auto end = edge_->generate(std::move(request), [](const auto&) { return true; });
    EXPECT_TRUE(end) << end.error().message;
    return *end;
  }

  static std::unique_ptr<tests::CloudProcess> cloud_;
  EdgeSettings settings_;
  std::unique_ptr<EdgeNode> edge_;
};
std::unique_ptr<tests::CloudProcess> RowsOnTheWire::cloud_;

TEST_P(RowsOnTheWire, GoUpOnceWhateverTheThreshold) {
  for (const float threshold : {0.3F, 0.8F, 0.95F, 2.0F}) {
    SCOPED_TRACE(threshold);
    const auto end = generate(threshold, "Once upon a time there was a little fox.", 40);
    const auto rows = end.prompt_tokens + end.completion_tokens - 1;
    EXPECT_EQ(end.upload.rows_up, static_cast<std::uint64_t>(rows));
    EXPECT_EQ(end.upload.row_payload_bytes,
              static_cast<std::uint64_t>(GetParam().row_bytes * hidden_size * rows));
    EXPECT_EQ(end.upload.rows_resent, 0U);
    EXPECT_EQ(end.counts.fallback(), 0);
  }
}

TEST_P(RowsOnTheWire, DoNotExistWhereTheCloudCanNeverBeAsked) {
  const auto end = generate(0.0F, "Once upon a time", 20);
  EXPECT_EQ(end.upload.rows_up, 0U);
  EXPECT_EQ(end.upload.bytes_up, 0U) << "not even a context was opened";
  EXPECT_EQ(end.counts.of_exit(0), end.completion_tokens);
}

TEST_P(RowsOnTheWire, CostLittleFraming) {
  const auto end = generate(2.0F, "Once upon a time there was a little fox.", 40);
  // At most 24 bytes for each frame of rows (one a token, one for the prompt); the rest are asks,
  // the open and the close, far below 24 bytes each.
  const auto frames = static_cast<std::uint64_t>(2 * end.completion_tokens + 2);
  EXPECT_LE(end.upload.bytes_up, end.upload.row_payload_bytes + 24 * frames);
}

TEST_P(RowsOnTheWire, CostLessThanTwoPercentForALongPrompt) {
  std::string prompt;
  for (int i = 0; i < 12; ++i) prompt += "Once upon a time there was a little fox. ";
  const auto end = generate(0.5F, prompt, 1);
  ASSERT_GT(end.prompt_tokens, 64);
  EXPECT_LT(static_cast<double>(end.upload.bytes_up),
            1.02 * static_cast<double>(end.upload.row_payload_bytes));
}

INSTANTIATE_TEST_SUITE_P(EveryRowType, RowsOnTheWire,
                         ::testing::Values(Case{"fp32", 4}, Case{"fp16", 2}, Case{"bf16", 2}),
                         [](const auto& parameter) {
                           return std::string(parameter.param.row_dtype);
                         });

}  // namespace
}  // namespace cecollm::apps
