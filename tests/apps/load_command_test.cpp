// From prompts to a report: record, a cloud process, and edges that press it.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/apps/command_line_runner.hpp"
#include "tests/support/cloud_process.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using tests::CommandResult;
using tests::run_command;

class LoadCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<Shared>();
    shared_->directory.write("prompts.txt",
                             "Once upon a time\nThe little fox\nShe opened the door\n\n"
                             "The little fox\nIn the morning\n");
    const auto recorded = record({});
    ASSERT_EQ(recorded.exit_code, 0) << recorded.err;
    EXPECT_THAT(recorded.out, HasSubstr("recorded 4 generations"));
    EXPECT_THAT(recorded.out, HasSubstr("left out 1 prompts"));
  }
  static void TearDownTestSuite() { shared_.reset(); }

  static std::string path(const std::string& name) {
    return (shared_->directory.path() / name).string();
  }
  static CommandResult record(const std::vector<std::string>& more,
                              const std::string& out = "fox.rec") {
    std::vector<std::string> arguments{"record", "--model", CECOLLM_DEFAULT_MODEL, "--threads",
                                       "1"};
    for (const auto& word : {std::string("--prompts"), path("prompts.txt"), std::string("--out"),
                             path(out), std::string("--max-tokens"), std::string("24")}) {
      arguments.push_back(word);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }
  static CommandResult load(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"load"};
    const auto link = shared_->cloud.edge_flags();
    arguments.insert(arguments.end(), link.begin(), link.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }

  struct Shared {
    tests::TemporaryDirectory directory;
    tests::CloudProcess cloud;
  };
  static std::unique_ptr<Shared> shared_;
};
std::unique_ptr<LoadCommand::Shared> LoadCommand::shared_;

TEST_F(LoadCommand, FindsEveryReplyAsRecorded) {
  const auto result = load({"--recording", path("fox.rec"), "--edges", "6", "--requests", "12",
                            "--token-time", "0s", "--slo", "ttft=60s", "--json", path("r.json"),
                            "--csv", path("r.csv"), "--html", path("r.html")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("12 completed, 0 failed, 0 cut off"));
  EXPECT_THAT(result.out, HasSubstr("No errors."));
  const auto report = json::parse(tests::read_whole_file(path("r.json")));
  EXPECT_EQ(report["good"], true);
  EXPECT_EQ(report["edges"], 6);
  EXPECT_EQ(report["goodput"]["requests"], 12);
  EXPECT_GT(report["asks"]["checked"], 0);
  EXPECT_EQ(report["asks"]["checked"], report["sources"]["cloud"]);
  EXPECT_EQ(report["sources"]["fallback"], 0);
  EXPECT_THAT(tests::read_whole_file(path("r.csv")), testing::StartsWith("request,edge,"));
  EXPECT_THAT(tests::read_whole_file(path("r.html")), HasSubstr("</html>"));
}

TEST_F(LoadCommand, RunsFullEdgesOverEmulatedLinksInAnOpenLoop) {
  const auto result = load({"--kind",       "full",
                            "--model",      CECOLLM_DEFAULT_MODEL,
                            "--dtype",      "fp32",
                            "--threads",    "1",
                            "--prompts",    path("prompts.txt"),
                            "--max-tokens", "8",
                            "--edges",      "3",
                            "--rate",       "20",
                            "--requests",   "6",
                            "--edge-link",  "rtt=5ms",
                            "--json",       "-"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto report = json::parse(result.out);
  EXPECT_EQ(report["requests"]["completed"], 6);
  EXPECT_EQ(report["errors"], json::object());
  EXPECT_EQ(report["asks"]["checked"], 0);
}

TEST_F(LoadCommand, FailsWhereTheCloudHasAnotherCut) {
  const auto recorded = record({"--exit-layers", "2,5"}, "other.rec");
  ASSERT_EQ(recorded.exit_code, 0) << recorded.err;
  const auto result = load({"--recording", path("other.rec"), "--edges", "2"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("of 2 did not reach the cloud"));
}

TEST_F(LoadCommand, SaysWhatIsMissingOrDoesNotGoTogether) {
  const auto expect_misuse = [](const CommandResult& result, const std::string& why) {
    EXPECT_EQ(result.exit_code, 2) << why;
    EXPECT_THAT(result.err, HasSubstr(why));
  };
  const std::string recording = path("fox.rec");
  expect_misuse(load({}), "--recording FILE");
  expect_misuse(load({"--kind", "half"}), "none of replay, full");
  expect_misuse(load({"--kind", "full", "--model", "x"}), "--prompts FILE");
  expect_misuse(load({"--recording", recording, "--threshold", "0.5"}), "leave --threshold out");
  expect_misuse(load({"--recording", recording, "--rate", "5", "--concurrency", "2"}),
                "give one of them");
  expect_misuse(load({"--recording", recording, "--rate", "0"}), "--rate is out of range");
  expect_misuse(load({"--recording", recording, "--rate", "5", "--think", "1s"}), "--think");
  expect_misuse(load({"--recording", recording, "--duration", "5"}), "--duration");
  expect_misuse(load({"--recording", recording, "--slo", "speed=1s"}), "--slo");
  expect_misuse(load({"--recording", recording, "--edge-link", "x*y"}), "--edge-link");
  expect_misuse(load({"--recording", recording, "--edge-link", "rtt=1ms", "--link", "rtt=2ms"}),
                "exclude each other");
  expect_misuse(load({"--recording", recording, "--order", "random"}), "--order");
  expect_misuse(load({"--recording", recording, "--prompts", "x"}), "--prompts");
  expect_misuse(load({"--recording", path("prompts.txt")}), "no recording of cecollm record");
  expect_misuse(load({"--recording", path("absent")}), "absent");
  expect_misuse(run_command({"load", "--recording", recording}), "--cloud");
  expect_misuse(record({"--dtype", "bf16"}), "leave --dtype out");
  expect_misuse(record({"--prompt-format", "xml"}), "--prompt-format");
  expect_misuse(record({"--output-tokens", "few"}), "--output-tokens");
  expect_misuse(record({"--threshold", "0.5,0.6,0.7"}), "--threshold");
}

TEST_F(LoadCommand, SaysWhereTheMetricsAreNotToBeHad) {
  const auto result = load({"--recording", path("fox.rec"), "--cloud-metrics", "127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the metrics at 127.0.0.1:1 cannot be reached"));
}

}  // namespace
}  // namespace cecollm::apps
