// The real path, edge and cloud in two processes over TLS, against the reference traces that
// another implementation wrote (tests/fixtures/default-model).

#include <atomic>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/cloud_process.hpp"
#include "tests/support/default_model_audit.hpp"

namespace cecollm::apps {
namespace {

/// Below this distance to a tipping point, floating point may decide otherwise than the reference.
constexpr double comparable_margin = 1e-3;

const nlohmann::json& traces() {
  static const auto golden = nlohmann::json::parse(
      std::ifstream(std::string(CECOLLM_FIXTURES) + "/default-model/golden.json"));
  return golden["traces"];
}

struct Emitted {
  std::vector<model::TokenId> ids;
  std::vector<std::string> sources;
};

class TwoProcesses : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cloud_ = std::make_unique<tests::CloudProcess>();
    settings_ = std::make_unique<EdgeSettings>(*load_edge_settings(cloud_->edge_sources()));
    edge_ = *EdgeNode::start(*settings_, {});
    ASSERT_TRUE(edge_->await_link(std::chrono::seconds(30)).connected);
  }
  static void TearDownTestSuite() {
    edge_.reset();
    settings_.reset();
    cloud_.reset();
  }

  static Emitted generate(const nlohmann::json& trace) {
    auto request = *request_from(*settings_, edge_->config());
    request.prompt = trace["prompt_ids"].get<std::vector<model::TokenId>>();
    request.thresholds.values.assign(2, trace["threshold"].get<float>());
    request.max_tokens = static_cast<std::int64_t>(trace["tokens"].size());
    request.token_deadline = std::chrono::seconds(60);
    request.first_token_deadline = std::chrono::seconds(60);
    Emitted emitted;
    const auto end = edge_->generate(std::move(request), [&](const actors::TokenEvent& token) {
      emitted.ids.push_back(token.token);
      emitted.sources.push_back(name_of(token.source));
      return true;
    });
    EXPECT_TRUE(end) << end.error().message;
    return emitted;
  }

  static std::unique_ptr<tests::CloudProcess> cloud_;
  static std::unique_ptr<EdgeSettings> settings_;
  static std::unique_ptr<EdgeNode> edge_;
};

std::unique_ptr<tests::CloudProcess> TwoProcesses::cloud_;
std::unique_ptr<EdgeSettings> TwoProcesses::settings_;
std::unique_ptr<EdgeNode> TwoProcesses::edge_;

/// How many generations run side by side, and the share of the traces that they work off together.
struct Crowd {
  std::size_t clients = 1;
  std::size_t first = 0;  // trace
  std::size_t step = 1;   // to the next
};

class TwoProcessParity : public TwoProcesses, public ::testing::WithParamInterface<Crowd> {};

TEST_P(TwoProcessParity, EmitsTheReferencesTokensFromTheReferencesSources) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = GetParam().first; i < traces().size(); i += GetParam().step) {
    if (traces()[i]["margin"].get<double>() >= comparable_margin) chosen.push_back(i);
  }
  std::vector<Emitted> emitted(chosen.size());
  std::atomic<std::size_t> next{0};
  {
    std::vector<std::jthread> clients;
    for (std::size_t i = 0; i < GetParam().clients; ++i) {
      clients.emplace_back([&] {
        for (std::size_t k = next++; k < chosen.size(); k = next++) {
          emitted[k] = generate(traces()[chosen[k]]);
        }
      });
    }
  }
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    const auto& trace = traces()[chosen[k]];
    SCOPED_TRACE(trace["prompt"].get<std::string>() + " at " + trace["threshold"].dump());
    EXPECT_EQ(emitted[k].ids, trace["tokens"].get<std::vector<model::TokenId>>());
    EXPECT_EQ(emitted[k].sources, trace["sources"].get<std::vector<std::string>>());
  }
  EXPECT_GT(chosen.size(), 30U);
}

INSTANTIATE_TEST_SUITE_P(Clients, TwoProcessParity,
                         ::testing::Values(Crowd{1, 0, 8}, Crowd{7, 1, 2}, Crowd{32, 0, 2}),
                         [](const auto& crowd) { return std::to_string(crowd.param.clients); });

TEST_F(TwoProcesses, PassesTheAuditWhereTheReferenceIsAtATippingPoint) {
  std::size_t audited = 0;
  for (const auto& trace : traces()) {
    if (trace["margin"].get<double>() >= comparable_margin) continue;
    const auto emitted = generate(trace);
    std::vector<model::AuditedToken> tokens;
    for (std::size_t i = 0; i < emitted.ids.size(); ++i) {
      tokens.push_back({emitted.ids[i], tests::head_of(emitted.sources[i]), false});
    }
    tests::expect_audited(trace["prompt_ids"].get<std::vector<model::TokenId>>(), tokens,
                          trace["threshold"].get<float>());
    ++audited;
  }
  EXPECT_GT(audited, 5U);
}

}  // namespace
}  // namespace cecollm::apps
