// Edge and cloud as hosts of their own, joined by scripts/netns.sh: real addresses, real loss, a
// cable that is pulled. Needs root and network namespaces; where both are there, nothing is
// skipped.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "apps/child_process.hpp"
#include "tests/support/default_model_audit.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

constexpr std::chrono::seconds patience{120};
const std::string script = CECOLLM_SOURCE_DIR "/scripts/netns.sh";

int shell(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str());
}

class Hosts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_ = "t" + std::to_string(getpid() % 1'000'000);
    setenv("CECOLLM_NETNS", set_.c_str(), 1);
  }
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    if (shell("ip netns add " + set_ + "-try && ip netns del " + set_ + "-try") != 0) {
      GTEST_SKIP() << "the kernel or this container has no network namespaces";
    }
    ASSERT_EQ(shell(script + " up 1"), 0);
    ASSERT_EQ(shell("sh " CECOLLM_SOURCE_DIR "/deploy/pki/make-dev-pki.sh " + pki_.path().string() +
                    " 10.77.1.2"),
              0);
    cloud_.emplace(
        start("cloud", {"cloud", "--model", CECOLLM_DEFAULT_MODEL, "--dtype", "fp32", "--threads",
                        "1", "--listen", "10.77.0.1:7070", "--log-level", "error", "--cert",
                        pki("cloud.pem"), "--key", pki("cloud.key"), "--ca", pki("ca.pem")}));
    ASSERT_TRUE(cloud_->read_line(patience));
    relay_.emplace(start("relay", {"relay", "--listen", "10.77.1.2:7070", "--to", "10.77.0.1:7070",
                                   "--link", "rtt=10ms"}));
    ASSERT_TRUE(relay_->read_line(patience));
  }
  void TearDown() override {
    edge_.reset();
    relay_.reset();
    cloud_.reset();
    if (geteuid() == 0) shell(script + " down");
  }

  std::string pki(const std::string& file) const { return (pki_.path() / file).string(); }
  static ChildProcess start(const std::string& node, std::vector<std::string> arguments) {
    std::vector<std::string> command{script, "exec", node, CECOLLM_BINARY};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return *ChildProcess::start(command);
  }
  void start_edge(int tokens, const std::string& first_token_deadline = "300ms") {
    edge_.emplace(start("edge1", {"generate",
                                  "--model",
                                  CECOLLM_DEFAULT_MODEL,
                                  "--dtype",
                                  "fp32",
                                  "--threads",
                                  "1",
                                  "--cloud",
                                  "10.77.1.2:7070",
                                  "--cert",
                                  pki("edge.pem"),
                                  "--key",
                                  pki("edge.key"),
                                  "--ca",
                                  pki("ca.pem"),
                                  "--log-level",
                                  "error",
                                  "--prompt-ids",
                                  "5,6,7",
                                  "--threshold",
                                  "0.98",
                                  "--max-tokens",
                                  std::to_string(tokens),
                                  "--ignore-eos",
                                  "--token-deadline",
                                  "300ms",
                                  "--first-token-deadline",
                                  first_token_deadline,
                                  "--heartbeat",
                                  "100ms",
                                  "--silence-limit",
                                  "1s",
                                  "--json"}));
  }
  /// The generation's report, audited.
  nlohmann::json finish_edge(int tokens) {
    const auto line = edge_->read_line(patience);
    EXPECT_TRUE(line) << "the edge did not end";
    if (!line) return {};
    const auto report = nlohmann::json::parse(*line);
    EXPECT_EQ(report["tokens"].size(), static_cast<std::size_t>(tokens));
    std::vector<model::AuditedToken> emitted;
    for (const auto& token : report["tokens"]) {
      const int head = tests::head_of(token["source"]);
      emitted.push_back({token["id"], head, head == 1});
    }
    tests::expect_audited({5, 6, 7}, emitted, 0.98F);
    return report;
  }

  static std::string set_;
  tests::TemporaryDirectory pki_;
  std::optional<ChildProcess> cloud_;
  std::optional<ChildProcess> relay_;
  std::optional<ChildProcess> edge_;
};

std::string Hosts::set_;

TEST_F(Hosts, GenerateTogetherOverALossyLink) {
  ASSERT_EQ(shell(script + " loss edge1 5"), 0);
  ASSERT_EQ(shell(script + " loss cloud 5"), 0);
  ASSERT_EQ(shell(script + " rate edge1 5mbit"), 0);
  // The handshake may lose several packets in turn, and a lost first one costs a second.
  start_edge(200, "60s");
  const auto report = finish_edge(200);
  EXPECT_GT(report["counts"]["cloud"].get<int>(), 0);
}

TEST_F(Hosts, GoOnWhereTheCableIsPulledAndFindBack) {
  start_edge(480);
  // Somewhere in the middle, wherever that is on this machine: it must hold at every instant.
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(shell(script + " cut edge1"), 0);
    ASSERT_EQ(shell(script + " mend edge1"), 0);
  }
  const auto report = finish_edge(480);
  EXPECT_GT(report["counts"]["cloud"].get<int>(), 0);
}

TEST_F(Hosts, CompleteWithoutACloudBehindACutCable) {
  ASSERT_EQ(shell(script + " cut cloud"), 0);
  start_edge(50);
  const auto report = finish_edge(50);
  EXPECT_EQ(report["counts"]["cloud"], 0);
  EXPECT_NE(report["warning"], "");
}

}  // namespace
}  // namespace cecollm::apps
