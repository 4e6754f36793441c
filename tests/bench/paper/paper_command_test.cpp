// The command as one runs it: the program, and the cloud that it starts.

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/child_process.hpp"
#include "bench/paper/transmission.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using testing::HasSubstr;

class PaperCommand : public testing::Test {
 protected:
  int run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{
        CECOLLM_BINARY,      "bench", "paper", "--model", CECOLLM_DEFAULT_MODEL, "--out",
        out_.path().string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    auto process = apps::ChildProcess::start(all);
    EXPECT_TRUE(process);
    while (process->read_line(std::chrono::minutes(2))) {
    }
    return process->wait(std::chrono::seconds(10)).value_or(-1);
  }
  std::string text_of(const std::string& name) const {
    std::ifstream stream(out_.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  nlohmann::json results() const { return nlohmann::json::parse(text_of("paper.json")); }
  static nlohmann::json mode(const nlohmann::json& results, const std::string& name) {
    for (const auto& each : results["modes"]) {
      if (each["mode"] == name) return each;
    }
    ADD_FAILURE() << "no mode " << name;
    return {};
  }
  std::string prompts(const std::string& lines) const {
    std::ofstream(out_.path() / "prompts.jsonl") << lines;
    return (out_.path() / "prompts.jsonl").string();
  }

  tests::TemporaryDirectory out_;
};

TEST_F(PaperCommand, ComparesTheModesByTheirOwnFormulas) {
  constexpr double prompt = 6;
  constexpr double tokens = 12;
  ASSERT_EQ(
      run({"--prompts", prompts("{\"prompt_ids\": [0, 1167, 1001, 259, 541, 12]}\n"), "--link",
           "rtt=1ms", "--max-tokens", "12", "--repetitions", "2", "--theta", "0.8,2", "--questions",
           "4", "--question-file", CECOLLM_SOURCE_DIR "/bench/data/eval.json"}),
      0);
  const auto all = results();
  // d = 256; rows once in fp16, again and again in fp32.
  const double once = payload_once(2 * 256, prompt, tokens) / 1024;
  EXPECT_DOUBLE_EQ(mode(all, "collaborative θ=0.8")["kib_rows"], once);
  EXPECT_DOUBLE_EQ(mode(all, "collaborative θ=2")["kib_rows"], once);
  EXPECT_DOUBLE_EQ(mode(all, "naive")["kib_rows"], payload_naive(4 * 256, prompt, tokens) / 1024);
  EXPECT_EQ(mode(all, "standalone")["kib_up"], 0.0);
  EXPECT_EQ(mode(all, "cloud-only")["kib_rows"], 0.0);

  // Layers by hand: of 12, three before the first exit and three more before the second. Every row
  // but the last token's goes through each layer once where all layers are needed.
  const double rows = prompt + tokens - 1;
  const auto layer_rows = [&](const std::string& name, const std::string& side) {
    return mode(all, name)[side + "_work"]["layer_rows"].get<double>();
  };
  EXPECT_EQ(layer_rows("cloud-only", "cloud"), 12 * rows);
  EXPECT_EQ(layer_rows("cloud-only", "edge"), 0);
  EXPECT_EQ(layer_rows("collaborative θ=2", "edge"), 6 * rows);
  EXPECT_EQ(layer_rows("collaborative θ=2", "cloud"), 9 * rows);
  EXPECT_EQ(layer_rows("naive", "edge"), 3 * rows);
  EXPECT_EQ(layer_rows("naive", "cloud"), 9 * payload_naive(1, prompt, tokens));
  EXPECT_EQ(layer_rows("standalone", "cloud"), 0);

  EXPECT_EQ(mode(all, "naive")["request_rate"]["value"], 1.0);
  EXPECT_EQ(mode(all, "collaborative θ=2")["request_rate"]["value"], 1.0);
  EXPECT_EQ(mode(all, "standalone")["request_rate"]["value"], 0.0);
  EXPECT_EQ(mode(all, "cloud-only")["agreement"]["value"], 1.0);
  EXPECT_EQ(mode(all, "naive")["agreement"]["value"], 1.0);
  EXPECT_EQ(mode(all, "cloud-only")["rouge_l"]["value"], 1.0);
  EXPECT_TRUE(mode(all, "standalone")["right_answers"].is_object());
  // Every ask crosses the link once there and once back.
  EXPECT_GE(mode(all, "naive")["communication_ms"]["low"], tokens * 1.0);
  EXPECT_EQ(mode(all, "standalone")["communication_ms"]["value"], 0.0);
  EXPECT_EQ(mode(all, "asking-ahead θ=2")["request_rate"]["value"], 1.0);
  EXPECT_EQ(mode(all, "asking-ahead θ=2")["asks_in_vain_rate"]["value"], 0.0);
  EXPECT_EQ(all["trials"].size(), 2U * 7U);

  EXPECT_THAT(text_of("paper.md"), HasSubstr("| collaborative θ=0.8 |"));
  EXPECT_THAT(text_of("paper.md"), HasSubstr("--theta 0.8,2"));
  EXPECT_THAT(text_of("paper-time.svg"), HasSubstr("</svg>"));
  EXPECT_THAT(text_of("paper-thresholds.svg"), HasSubstr("</svg>"));
}

TEST_F(PaperCommand, SlowsStepsDownAndReplaysExits) {
  // 12 layers in 24 ms.
  ASSERT_EQ(run({"--random-prompts", "5", "--max-prompts", "1", "--repetitions", "1",
                 "--max-tokens", "10", "--step-ms", "24", "--replay-exits", "1", "--modes",
                 "cloud-only,collaborative", "--link", "rtt=1ms"}),
            0);
  const auto all = results();
  EXPECT_GE(mode(all, "cloud-only")["cloud_ms"]["value"], 10 * 24.0);
  // No exit is ever sure: six layers on the edge and nine on the cloud for each token.
  EXPECT_EQ(mode(all, "collaborative")["request_rate"]["value"], 1.0);
  EXPECT_GE(mode(all, "collaborative")["edge_ms"]["value"], 10 * 12.0);
  EXPECT_GE(mode(all, "collaborative")["cloud_ms"]["value"], 10 * 18.0);
  EXPECT_TRUE(mode(all, "collaborative")["agreement"].is_null());
  const auto text = text_of("paper.md");
  EXPECT_THAT(text, HasSubstr("**Steps are slowed down: every pass takes at least 2 ms"));
  EXPECT_THAT(text, HasSubstr("**Exit decisions are replayed, not computed"));
}

TEST_F(PaperCommand, RefusesFlagsThatTheBenchmarkSetsItself) {
  EXPECT_EQ(run({"--threshold", "0.8"}), 2);
  EXPECT_EQ(run({"--mode", "standalone"}), 2);
  EXPECT_EQ(run({"--cloud", "127.0.0.1:1"}), 2);
  EXPECT_EQ(run({"--modes", "full"}), 2);
}

}  // namespace
}  // namespace cecollm::bench
