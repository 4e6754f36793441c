// What a cloud process may suffer in the middle of a generation: killed, stopped, replaced. The
// edge goes on, every token is right for its source, and afterwards both work together again.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/cloud_process.hpp"
#include "tests/support/default_model_audit.hpp"

namespace cecollm::apps {
namespace {

using policy::Source;

constexpr std::chrono::seconds fault_patience{60};
constexpr float threshold = 0.95F;
constexpr int tokens_per_generation = 150;

/// What happens after which token.
struct Suffering {
  std::string what;
  std::size_t after = 0;
};

class ProcessFaults : public ::testing::TestWithParam<Suffering> {
 protected:
  ProcessFaults() {
    auto sources = cloud_.edge_sources();
    sources.flags["supervisor.adaptive"] = {"true"};
    sources.flags["supervisor.minimum_dwell"] = {"100ms"};
    sources.flags["supervisor.probe_interval"] = {"50ms"};
    sources.flags["supervisor.probe_interval_max"] = {"200ms"};
    sources.flags["supervisor.probe_samples"] = {"1"};
    sources.flags["link.heartbeat"] = {"100ms"};
    sources.flags["link.silence_limit"] = {"1s"};
    sources.flags["generation.thresholds"] = {std::to_string(threshold)};
    sources.flags["generation.max_tokens"] = {std::to_string(tokens_per_generation)};
    sources.flags["generation.ignore_eos"] = {"true"};
    sources.flags["generation.token_deadline"] = {"200ms"};
    settings_ = *load_edge_settings(sources);
    node_ = *EdgeNode::start(settings_, {});
  }

  /// Runs a generation and audits its tokens; returns where they came from.
  policy::SourceCounts generate(const std::function<void(std::size_t)>& after_token) {
    auto request = *request_from(settings_, node_->config());
    const auto prompt = node_->tokenizer()->encode("Once upon a time", true);
    request.prompt = prompt;
    std::vector<actors::TokenEvent> tokens;
    const auto end = node_->generate(std::move(request), [&](const actors::TokenEvent& token) {
      tokens.push_back(token);
      after_token(tokens.size());
      return true;
    });
    EXPECT_TRUE(end) << end.error().message;
    EXPECT_EQ(tokens.size(), static_cast<std::size_t>(tokens_per_generation));
    policy::SourceCounts counts;
    std::vector<model::AuditedToken> audited;
    for (const auto& token : tokens) {
      counts.add(token.source);
      const bool cloud = token.source.kind == Source::Kind::cloud;
      const int head = cloud ? model::final_head : static_cast<int>(token.source.exit);
      // A fallback, or standalone after the supervisor gave the cloud up: only at the last exit.
      audited.push_back({token.token, head, !cloud && head == 1});
    }
    tests::expect_audited(prompt, audited, threshold);
    return counts;
  }

  bool await_collaboration() {
    const auto give_up = std::chrono::steady_clock::now() + fault_patience;
    while (std::chrono::steady_clock::now() < give_up) {
      const auto link = node_->link_report();
      if (link.connected && link.state == policy::SupervisorState::collaborative) return true;
      std::this_thread::yield();
    }
    return false;
  }

  void befall(const std::string& what) {
    if (what == "killed") {
      cloud_.process().send_signal(SIGKILL);
    } else if (what == "stopped") {
      cloud_.process().send_signal(SIGSTOP);
    } else if (what == "asked to end") {
      cloud_.process().send_signal(SIGTERM);
    } else {
      cloud_.replace();
    }
  }
  void recover(const std::string& what) {
    if (what == "stopped") {
      cloud_.process().send_signal(SIGCONT);
    } else if (what != "replaced") {
      cloud_.replace();
    }
  }

  static std::ptrdiff_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  }

  tests::CloudProcess cloud_;
  EdgeSettings settings_;
  std::unique_ptr<EdgeNode> node_;
};

TEST_P(ProcessFaults, CostNoTokenAndBothWorkTogetherAfterwards) {
  ASSERT_TRUE(await_collaboration());
  EXPECT_GT(generate([](std::size_t) {}).cloud(), 0);
  const auto descriptors = open_descriptors();
  generate([&](std::size_t token) {
    if (token == GetParam().after) befall(GetParam().what);
  });
  recover(GetParam().what);
  ASSERT_TRUE(await_collaboration());
  EXPECT_GT(generate([](std::size_t) {}).cloud(), 0);
  EXPECT_LE(open_descriptors(), descriptors);
}

INSTANTIATE_TEST_SUITE_P(InTheMiddleOfAGeneration, ProcessFaults,
                         ::testing::Values(Suffering{"killed", 1}, Suffering{"killed", 20},
                                           Suffering{"killed", 77}, Suffering{"stopped", 2},
                                           Suffering{"stopped", 30}, Suffering{"stopped", 90},
                                           Suffering{"asked to end", 40}, Suffering{"replaced", 1},
                                           Suffering{"replaced", 50}, Suffering{"replaced", 149}),
                         [](const auto& fault) {
                           auto name =
                               fault.param.what + "AfterToken" + std::to_string(fault.param.after);
                           std::erase(name, ' ');
                           return name;
                         });

}  // namespace
}  // namespace cecollm::apps
