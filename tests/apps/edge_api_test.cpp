// `cecollm edge --http`: the program itself, over loopback, alone and with a cloud.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/cloud_process.hpp"
#include "tests/support/default_model_audit.hpp"
#include "tests/support/edge_api_process.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;
using tests::api_patience;
using tests::EdgeApiProcess;

class EdgeApiAlone : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    edge_ = std::make_unique<EdgeApiProcess>(
        std::vector<std::string>{"--mode", "standalone", "--max-tokens", "16"});
  }
  static void TearDownTestSuite() { edge_.reset(); }
  static std::unique_ptr<EdgeApiProcess> edge_;
};
std::unique_ptr<EdgeApiProcess> EdgeApiAlone::edge_;

TEST_F(EdgeApiAlone, WritesTheTextThatGenerateWrites) {
  const auto response = edge_->completed(R"({"prompt":"Once upon a time","temperature":0})");
  EXPECT_EQ(response.at("model"), "default");
  const std::string text = response.at("choices")[0].at("text");
  SettingSources sources;
  sources.flags = {{"model.directory", {CECOLLM_DEFAULT_MODEL}},
                   {"model.dtype", {"fp32"}},
                   {"model.threads", {"1"}},
                   {"generation.mode", {"standalone"}},
                   {"generation.max_tokens", {"16"}}};
  const auto settings = load_edge_settings(sources);
  ASSERT_TRUE(settings);
  const auto node = EdgeNode::start(*settings, {});
  ASSERT_TRUE(node);
  const auto report = generate_on_edge(**node, *settings, Prompt{"Once upon a time"},
                                       [](const ReportedToken&) { return true; });
  ASSERT_TRUE(report);
  EXPECT_EQ(text, report->text);
}

TEST_F(EdgeApiAlone, StreamsEvents) {
  const auto reply = edge_->post("/v1/completions", R"({"prompt":"Once","stream":true})");
  EXPECT_THAT(reply, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(EdgeApiProcess::body_of(reply), StartsWith("data: {"));
  EXPECT_THAT(reply, EndsWith("\n\ndata: [DONE]\n\n"));
}

TEST_F(EdgeApiAlone, AnswersProbesAndListsItsModel) {
  EXPECT_THAT(edge_->get("/readyz"), HasSubstr(" 200 OK\r\n"));
  EXPECT_THAT(edge_->get("/health"), EndsWith("{\"status\":\"ready\"}"));
  EXPECT_THAT(edge_->get("/version"), HasSubstr("\"version\""));
  EXPECT_THAT(edge_->get("/v1/models"), HasSubstr("\"id\":\"default\""));
}

TEST_F(EdgeApiAlone, ServesAPageThatMayRunItsOwnScriptAlone) {
  const auto reply = edge_->get("/");
  EXPECT_THAT(reply, HasSubstr(" 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  std::smatch found;
  ASSERT_TRUE(std::regex_search(reply, found, std::regex("Content-Security-Policy: ([^\r]*)\r\n")));
  const std::string policy = found[1];
  EXPECT_THAT(policy, StartsWith("default-src 'none'; connect-src 'self'; "));
  for (const char* directive : {"script-src", "style-src"}) {
    EXPECT_TRUE(std::regex_search(
        policy, std::regex(std::string(directive) + " 'sha256-[A-Za-z0-9+/]{43}=';")))
        << policy;
  }
  EXPECT_THAT(policy, testing::Not(HasSubstr("unsafe")));
  EXPECT_THAT(EdgeApiProcess::body_of(reply), StartsWith("<!doctype html>"));
  EXPECT_THAT(reply, testing::Not(testing::ContainsRegex("(src|href)=\"?(https?:)?//")));
}

TEST_F(EdgeApiAlone, HasOneShapeForEveryError) {
  for (const auto& reply :
       {edge_->get("/nothing"), edge_->get("/v1/completions"), edge_->post("/v1/completions", "{"),
        edge_->post("/v1/completions", R"({"prompt":"a","model":"other"})"),
        EdgeApiProcess::read(*edge_->send("nonsense\r\n\r\n")),
        EdgeApiProcess::read(
            *edge_->send("POST /v1/completions HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"))}) {
    const auto parsed = json::parse(EdgeApiProcess::body_of(reply), nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << reply;
    for (const char* key : {"message", "type", "param", "code"}) {
      EXPECT_TRUE(parsed.at("error").contains(key)) << reply;
    }
  }
}

TEST_F(EdgeApiAlone, IsNotForWebPagesOfOtherSites) {
  const std::string ours = "Host: " + edge_->address() + "\r\n";
  EXPECT_THAT(edge_->get("/v1/models", ours), HasSubstr(" 200 OK\r\n"));
  EXPECT_THAT(edge_->get("/v1/models", ours + "Origin: http://" + edge_->address() + "\r\n"),
              HasSubstr(" 200 OK\r\n"))
      << "the page of the edge itself";
  EXPECT_THAT(edge_->get("/v1/models", "Host: localhost:8080\r\n"), HasSubstr(" 200 OK\r\n"));
  for (const auto& headers :
       {ours + "Origin: https://example.org\r\n", ours + "Origin: null\r\n",
        std::string("Host: example.org\r\n"), std::string("Host: example.org:8080\r\n")}) {
    const auto reply = edge_->get("/v1/models", headers);
    EXPECT_THAT(reply, HasSubstr(" 403 ")) << headers;
    EXPECT_THAT(reply, HasSubstr("web pages of other sites"));
  }
}

TEST_F(EdgeApiAlone, TakesTextInEveryScript) {
  const std::string text = "Été, 日本語, 🦊!";
  const auto ids = json::parse(EdgeApiProcess::body_of(
      edge_->post("/tokenize", json({{"prompt", text}, {"add_special_tokens", false}}).dump())));
  const auto back = json::parse(EdgeApiProcess::body_of(
      edge_->post("/detokenize", json({{"tokens", ids.at("tokens")}}).dump())));
  EXPECT_THAT(back.at("prompt").get<std::string>(), HasSubstr(text));
}

/// The examples of docs/api.md, at the address of `edge`.
std::vector<std::string> documented_commands(const std::string& address) {
  std::ifstream file(std::filesystem::path(CECOLLM_SOURCE_DIR) / "docs/api.md");
  std::vector<std::string> commands;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```sh" || line == "```") {
      inside = line == "```sh";
      if (inside) commands.emplace_back();
    } else if (inside) {
      commands.back() += std::regex_replace(line, std::regex("127\\.0\\.0\\.1:8080"), address);
      commands.back() += "\n";
    }
  }
  return commands;
}

TEST_F(EdgeApiAlone, DoesWhatItsDocumentationShows) {
  const auto commands = documented_commands(edge_->address());
  ASSERT_THAT(commands, SizeIs(testing::Ge(5U)));
  for (const auto& command : commands) {
    ASSERT_THAT(command, StartsWith("curl ")) << command;
    auto shell = ChildProcess::start({"/bin/sh", "-c", "set -e\n" + command + "echo\n"});
    ASSERT_TRUE(shell);
    std::string output;
    while (const auto line = shell->read_line(api_patience)) output += *line + "\n";
    EXPECT_EQ(shell->wait(api_patience), 0) << command;
    EXPECT_THAT(output, testing::AnyOf(StartsWith("{"), StartsWith("data: {"))) << command;
    EXPECT_THAT(output, testing::Not(HasSubstr("\"error\""))) << command;
  }
}

TEST(EdgeApi, LetsRunningGenerationsEndWhenItIsToldToStop) {
  EdgeApiProcess edge({"--mode", "standalone"});
  const auto stream = edge.send_post(
      "/v1/completions", R"({"prompt":"Once","max_tokens":60,"ignore_eos":true,"stream":true})");
  std::array<char, 16> begun{};
  ASSERT_GT(::recv(stream->get(), begun.data(), begun.size(), MSG_WAITALL), 0);
  edge.process().send_signal(SIGTERM);
  const auto rest = EdgeApiProcess::read(*stream);
  EXPECT_THAT(rest, HasSubstr("\"finish_reason\":\"length\""));
  EXPECT_THAT(rest, EndsWith("data: [DONE]\n\n"));
  EXPECT_EQ(edge.process().wait(api_patience), 0);
}

TEST(EdgeApi, CutsOffWhatTakesLongerThanTheDrain) {
  EdgeApiProcess edge({"--mode", "standalone", "--http-drain", "0s"});
  const auto stream = edge.send_post(
      "/v1/completions", R"({"prompt":"Once","max_tokens":400,"ignore_eos":true,"stream":true})");
  std::array<char, 16> begun{};
  ASSERT_GT(::recv(stream->get(), begun.data(), begun.size(), MSG_WAITALL), 0);
  edge.process().send_signal(SIGTERM);
  EXPECT_EQ(edge.process().wait(api_patience), 0);
  EXPECT_THAT(EdgeApiProcess::read(*stream), testing::Not(HasSubstr("[DONE]")));
}

/// What the API says of the first generation with the cloud; others may come before the connection.
json first_with_the_cloud(const EdgeApiProcess& edge) {
  const auto give_up = std::chrono::steady_clock::now() + api_patience;
  json choice;
  do {
    choice = edge.completed(R"({"prompt":"Once upon a time","cecollm":{"threshold":2}})")
                 .at("choices")[0]
                 .at("cecollm");
  } while (choice.dump().find("\"source\":\"cloud\"") == std::string::npos &&
           std::chrono::steady_clock::now() < give_up);
  return choice;
}

TEST(EdgeApi, UsesTheCloudAndKeepsPrivateRequestsFromIt) {
  const tests::CloudProcess cloud;
  auto flags = cloud.edge_flags();
  flags.insert(flags.end(), {"--no-adapt", "--max-tokens", "24"});
  const EdgeApiProcess edge(flags);
  const auto shared = first_with_the_cloud(edge);
  EXPECT_GT(shared.at("bytes_up"), 0);
  EXPECT_GT(shared.at("rows_up"), 0);
  EXPECT_THAT(shared.dump(), HasSubstr("\"source\":\"cloud\""));
  const auto alone =
      edge.completed(
              R"({"prompt":"Once upon a time","cecollm":{"threshold":2,"standalone_only":true}})")
          .at("choices")[0]
          .at("cecollm");
  EXPECT_EQ(alone.at("bytes_up"), 0);
  EXPECT_EQ(alone.at("mode"), "standalone");
  EXPECT_THAT(alone.dump(), testing::Not(HasSubstr("\"source\":\"cloud\"")));
  const auto remote =
      edge.completed(R"({"prompt":"Once upon a time","cecollm":{"mode":"cloud-only"}})");
  EXPECT_THAT(remote.dump(), HasSubstr("\"source\":\"cloud\""));
}

TEST(EdgeApi, GoesOnWithAConversationAndSendsOnlyWhatIsNew) {
  const tests::CloudProcess cloud;
  auto flags = cloud.edge_flags();
  flags.insert(flags.end(), {"--no-adapt", "--max-tokens", "24"});
  const EdgeApiProcess edge(flags);
  first_with_the_cloud(edge);
  std::vector<model::TokenId> text{5, 6, 7};
  std::int64_t rows_kept = 0;
  int from_the_cloud = 0;
  for (int turn = 0; turn < 4; ++turn) {
    SCOPED_TRACE("turn " + std::to_string(turn));
    const auto response =
        edge.completed(json{{"prompt", text},
                            {"temperature", 0},
                            {"ignore_eos", true},
                            {"cecollm", {{"threshold", 0.9}, {"token_deadline_ms", 60000}}}}
                           .dump());
    const auto& choice = response.at("choices")[0].at("cecollm");
    EXPECT_EQ(response.at("usage").at("prompt_tokens_details").at("cached_tokens"), rows_kept);
    std::vector<model::AuditedToken> emitted;
    const auto prompt = text;
    for (const auto& token : choice.at("tokens")) {
      const int head = tests::head_of(token.at("source"));
      emitted.push_back({token.at("id"), head, head == 1});
      text.push_back(token.at("id"));
      if (token.at("source") == "cloud") ++from_the_cloud;
    }
    tests::expect_audited(prompt, emitted, 0.9F);
    EXPECT_EQ(choice.at("rows_up"), static_cast<std::int64_t>(text.size()) - 1 - rows_kept);
    rows_kept = static_cast<std::int64_t>(text.size()) - 1;
    text.insert(text.end(), {8, 9});
  }
  EXPECT_GT(from_the_cloud, 0);
}

}  // namespace
}  // namespace cecollm::apps
