// `cecollm cloud --http`: the program itself, over loopback.

#include <csignal>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/apps/command_line_runner.hpp"
#include "tests/support/cloud_process.hpp"
#include "tests/support/default_model_audit.hpp"
#include "tests/support/edge_api_process.hpp"
#include "tests/support/raw_socket.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using tests::api_patience;

class CloudApiProcess : public tests::ApiClient {
 public:
  explicit CloudApiProcess(std::vector<std::string> flags = {}) : cloud_(with_api(flags)) {
    const auto line = cloud_.process().read_line(api_patience);
    if (!line) throw std::runtime_error("the cloud serves no API");
    meet(*line);
  }
  tests::CloudProcess& cloud() { return cloud_; }

 private:
  static std::vector<std::string> with_api(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--http", "127.0.0.1:0"});
    return flags;
  }
  tests::CloudProcess cloud_;
};

/// That every token is the full model's.
void expect_full_model(const std::vector<model::TokenId>& prompt, const json& response) {
  std::vector<model::AuditedToken> emitted;
  for (const auto& token : response.at("choices")[0].at("cecollm").at("tokens")) {
    EXPECT_EQ(token.at("source"), "cloud");
    emitted.push_back({token.at("id"), model::final_head, false});
  }
  EXPECT_FALSE(emitted.empty());
  tests::expect_audited(prompt, emitted, 2.0F);
}

class CloudApiAlone : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { api_ = std::make_unique<CloudApiProcess>(); }
  static void TearDownTestSuite() { api_.reset(); }
  static std::unique_ptr<CloudApiProcess> api_;
};
std::unique_ptr<CloudApiProcess> CloudApiAlone::api_;

TEST_F(CloudApiAlone, GivesTheFullModelsTokens) {
  const auto response = api_->completed(
      R"({"prompt":[5,6,7],"temperature":0,"max_tokens":24,"ignore_eos":true,"cecollm":{}})");
  EXPECT_EQ(response.at("usage").at("completion_tokens"), 24);
  expect_full_model({5, 6, 7}, response);
  EXPECT_EQ(response.at("choices")[0].at("cecollm").at("mode"), "cloud-only");
}

TEST_F(CloudApiAlone, ChatsAndStreams) {
  const auto reply = api_->post(
      "/v1/chat/completions",
      R"({"messages":[{"role":"user","content":"Who lives in a hole?"}],"stream":true,"max_tokens":8})");
  EXPECT_THAT(reply, HasSubstr("\"role\":\"assistant\""));
  EXPECT_THAT(reply, EndsWith("\n\ndata: [DONE]\n\n"));
}

TEST_F(CloudApiAlone, TakesManyRequestsAtATime) {
  std::vector<std::unique_ptr<tests::RawSocket>> open;
  for (int i = 0; i < 8; ++i) {
    open.push_back(api_->send_post("/v1/completions", json{{"prompt", {5, 6, 10 + i}},
                                                           {"temperature", 0},
                                                           {"max_tokens", 16},
                                                           {"ignore_eos", true},
                                                           {"cecollm", json::object()}}
                                                          .dump()));
  }
  for (int i = 0; i < 8; ++i) {
    const auto reply = tests::ApiClient::read(*open[static_cast<std::size_t>(i)]);
    ASSERT_THAT(reply, HasSubstr(" 200 OK\r\n"));
    expect_full_model({5, 6, 10 + i}, json::parse(tests::ApiClient::body_of(reply)));
  }
}

TEST_F(CloudApiAlone, RefusesWhatOnlyAnEdgeCanDo) {
  EXPECT_THAT(api_->post("/v1/completions", R"({"prompt":"a","cecollm":{"mode":"collaborative"}})"),
              testing::AllOf(HasSubstr(" 400 "), HasSubstr("is to be cloud-only here")));
  EXPECT_THAT(api_->post("/v1/completions", R"({"prompt":"a","cecollm":{"standalone_only":true}})"),
              testing::AllOf(HasSubstr(" 400 "), HasSubstr("this is the cloud")));
}

TEST_F(CloudApiAlone, AnswersProbes) {
  EXPECT_THAT(api_->get("/readyz"), HasSubstr(" 200 OK\r\n"));
  EXPECT_THAT(api_->get("/v1/models"), HasSubstr("\"id\":\"default\""));
}

TEST(CloudApi, CountsItsRequestsAmongTheCloudsMetrics) {
  const auto port = tests::RawListener().port();  // free a moment ago
  CloudApiProcess api({"--metrics", "127.0.0.1:" + std::to_string(port)});
  api.completed(R"({"prompt":[5],"temperature":0,"max_tokens":3,"ignore_eos":true})");
  tests::RawSocket socket;
  socket.connect(port);
  ASSERT_TRUE(socket.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  std::string page;
  ASSERT_TRUE(socket.read_to_end(&page));
  EXPECT_THAT(page, HasSubstr("cecollm_generations_total{outcome=\"length\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("cecollm_time_to_first_token_seconds_count 1\n"));
  EXPECT_THAT(page, HasSubstr("cecollm_cloud_tokens_total 3\n"));
  // Of the edge behind it nothing: it has no link and no mode that anybody should watch.
  EXPECT_THAT(page, testing::Not(HasSubstr("cecollm_link_connected")));
}

TEST(CloudApi, NeedsNoPlaceInTheAllowList) {
  CloudApiProcess api({"--allow", "somebody-else"});
  expect_full_model({5}, api.completed(R"({"prompt":[5],"temperature":0,"cecollm":{}})"));
}

TEST(CloudApi, LetsRunningGenerationsEndWhenItIsToldToStop) {
  CloudApiProcess api;
  const auto stream = api.send_post(
      "/v1/completions", R"({"prompt":"Once","max_tokens":60,"ignore_eos":true,"stream":true})");
  std::array<char, 16> begun{};
  ASSERT_GT(::recv(stream->get(), begun.data(), begun.size(), MSG_WAITALL), 0);
  api.cloud().process().send_signal(SIGTERM);
  EXPECT_THAT(tests::ApiClient::read(*stream), EndsWith("data: [DONE]\n\n"));
  EXPECT_EQ(api.cloud().process().wait(api_patience), 0);
}

TEST(CloudApi, AsksForKeysWhereItIsToldTo) {
  const tests::TemporaryDirectory directory;
  const auto keys = (directory.path() / "keys").string();
  const auto made = tests::run_command({"keys", "add", keys, "till-1"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  CloudApiProcess api({"--api-keys", keys});
  EXPECT_THAT(api.post("/v1/completions", R"({"prompt":"a"})"), HasSubstr(" 401 "));
  const auto key = made.out.substr(0, made.out.find('\n'));
  EXPECT_THAT(api.get("/v1/models", "Authorization: Bearer " + key + "\r\n"),
              HasSubstr(" 200 OK\r\n"));
}

TEST(CloudApi, IsRefusedWithoutTheShallowLayers) {
  const auto run =
      tests::run_command({"cloud", "--model", CECOLLM_DEFAULT_MODEL, "--insecure", "--listen",
                          "127.0.0.1:0", "--no-cloud-only", "--http", "127.0.0.1:0"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("needs the shallow layers"));
}

}  // namespace
}  // namespace cecollm::apps
