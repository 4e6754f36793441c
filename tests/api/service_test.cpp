// The API over an edge with a fake engine and everything else real, without a server.

#include "api/service.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <prometheus/registry.h>

#include "actors/edge_supervisor.hpp"
#include "actors/system_config.hpp"
#include "policy/mode_controller.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/no_descriptors.hpp"

namespace cecollm::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr int patience_ms = 20'000;

/// Holds whoever passes while it is closed.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }
  void set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = true;
};

class ScriptedClient : public http::Client {
 public:
  bool wait_for(int descriptor) override {
    pollfd wait{descriptor, POLLIN, 0};
    return !gone_ && ::poll(&wait, 1, patience_ms) > 0;
  }
  bool gone() override { return gone_; }
  void hang_up() { gone_ = true; }

 private:
  bool gone_ = false;
};

class CapturedBody : public http::BodyWriter {
 public:
  bool write(std::string_view piece) override {
    text.append(piece);
    if (after_piece) after_piece();
    return true;
  }
  std::string text;
  std::function<void()> after_piece;
};

class ApiService : public ::testing::Test {
 protected:
  ApiService() {
    auto tokenizer = model::Tokenizer::load(CECOLLM_DEFAULT_MODEL);
    tokenizer_ = std::make_shared<const model::Tokenizer>(std::move(*tokenizer));
    auto fake = tests::fake_model();
    fake.config.vocab_size = static_cast<int>(tokenizer_->vocab_size());
    engine_ = std::make_shared<tests::FakeEngine>(fake, model::Part::edge);
    engine_->on_run = [this](std::span<const model::Step>) {
      gate_.pass();
    };
    actors::EdgeSetting edge;
    edge.engine = engine_;
    edge.tokenizer = tokenizer_;
    edge.metrics = &metrics_;
    edge.conversations = {8, 1U << 20U, std::chrono::minutes(5)};
    edge_ = system_.spawn(actors::edge_supervisor, std::move(edge));
    ServiceSetting setting;
    setting.system = &system_;
    setting.edge = edge_;
    setting.model = {.name = "little",
                     .vocabulary = fake.config.vocab_size,
                     .max_positions = fake.config.max_positions,
                     .exit_layers = fake.config.exits->layers,
                     .modes = {policy::Mode::standalone},
                     .has_tokenizer = true};
    setting.tokenizer = tokenizer_;
    setting.chat_template = chat_template(
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' and loop.first %}"
        "{{ raise_exception('the user speaks first') }}{% endif %}{{ m.content }}\n{% endfor %}");
    setting.no_chat_reason = "no template";
    setting.defaults = [] {
      actors::GenerationRequest defaults;
      defaults.mode = policy::Mode::standalone;
      defaults.thresholds.values = {0.8F, 0.8F};
      defaults.max_tokens = 8;
      defaults.ignore_eos = true;
      return defaults;
    };
    setting.accepting = [this] {
      return accepting_.load();
    };
    setting.max_streams = 4;
    service_.emplace(std::move(setting));
    routes_ = service_->routes();
  }
  ~ApiService() override {
    gate_.set(true);
    caf::scoped_actor self{system_};
    self->monitor(edge_);
    self->send(edge_, actors::Shutdown{});
    self->receive([](const caf::down_msg&) {}, caf::after(std::chrono::seconds(20)) >> [] {});
  }

  static std::shared_ptr<const model::ChatTemplate> chat_template(const std::string& source) {
    auto parsed = model::ChatTemplate::parse(
        source, {{"bos_token", model::ChatValue::text("<|endoftext|>")}});
    EXPECT_TRUE(parsed);
    return std::make_shared<const model::ChatTemplate>(std::move(*parsed));
  }

  http::Response ask(const std::string& method, const std::string& path, const std::string& body,
                     http::Client& client) {
    for (const auto& route : routes_) {
      if (route.method == method && route.path == path) {
        http::Request request;
        request.method = method;
        request.path = path;
        request.body = body;
        request.identity = identity_;
        return route.handler(request, client);
      }
    }
    ADD_FAILURE() << "no route " << path;
    return {};
  }
  http::Response post(const std::string& path, const std::string& body) {
    return ask("POST", path, body, client_);
  }
  http::Response chat(const std::string& body) { return post("/v1/chat/completions", body); }
  json chatted(const std::string& body) {
    const auto response = chat(body);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  http::Response complete(const std::string& body) { return post("/v1/completions", body); }
  json completed(const std::string& body) {
    const auto response = complete(body);
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  void expect_error(const http::Response& response, int status, const std::string& sentence) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    const auto parsed = json::parse(response.body);
    EXPECT_THAT(parsed.at("error").at("message").get<std::string>(), HasSubstr(sentence));
  }

  static json usage(std::size_t prompt, std::size_t completion) {
    return {{"prompt_tokens", prompt},
            {"completion_tokens", completion},
            {"total_tokens", prompt + completion},
            {"prompt_tokens_details", {{"cached_tokens", 0}}}};
  }
  /// How many tokens of `prompt` had been kept.
  std::int64_t cached(const std::vector<model::TokenId>& prompt) {
    const auto response = completed(json{{"prompt", prompt}}.dump());
    return response.at("usage").at("prompt_tokens_details").at("cached_tokens");
  }
  /// A prompt, the tokens that follow it, and one more.
  std::vector<model::TokenId> turn(std::vector<model::TokenId> ids) {
    const auto response = completed(json{{"prompt", ids}, {"cecollm", json::object()}}.dump());
    for (const auto& token : response.at("choices")[0].at("cecollm").at("tokens")) {
      ids.push_back(token.at("id"));
    }
    ids.push_back(9);
    return ids;
  }

  /// The JSON of each event of a stream, which has to end as streams do.
  std::vector<json> events_of(const http::Response& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "text/event-stream");
    if (!response.stream) return {};
    EXPECT_TRUE(response.stream(body_, client_));
    return parsed(body_.text);
  }
  static std::vector<json> parsed(std::string_view text) {
    std::vector<json> events;
    bool done = false;
    while (!text.empty()) {
      const auto end = text.find("\n\n");
      EXPECT_TRUE(text.starts_with("data: ") && end != std::string_view::npos) << text;
      EXPECT_FALSE(done) << "something follows the end";
      const auto data = text.substr(6, end - 6);
      done = data == "[DONE]";
      if (!done) events.push_back(json::parse(data));
      text.remove_prefix(end + 2);
    }
    EXPECT_TRUE(done) << "no [DONE]";
    return events;
  }
  bool comes_to(const prometheus::Counter& counter, double value) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (counter.Value() != value && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::yield();
    }
    return counter.Value() == value;
  }
  prometheus::Counter& cancelled() {
    return metrics_.generations[monitoring::GenerationOutcome::cancelled];
  }

  static std::vector<std::string> reasons() {
    std::vector<std::string> names;
    for (const auto reason : policy::all_mode_reasons) {
      names.emplace_back(policy::name_of(reason));
    }
    return names;
  }

  Gate gate_;
  std::shared_ptr<const model::Tokenizer> tokenizer_;
  std::shared_ptr<tests::FakeEngine> engine_;
  prometheus::Registry registry_;
  monitoring::EdgeMetrics metrics_{registry_,
                                   {{"0", "fake", "", "", "fp32"},
                                    {3, 6},
                                    {"standalone", "collaborative", "cloud-only"},
                                    reasons()}};
  actors::SystemConfig config_;
  caf::actor_system system_{config_};
  actors::edge_supervisor_actor edge_;
  std::atomic<bool> accepting_ = true;
  std::optional<Service> service_;
  std::vector<http::Route> routes_;
  ScriptedClient client_;
  std::string identity_;  // of the next request's sender
  CapturedBody body_;
};

TEST_F(ApiService, SaysSoWhereNoDescriptorIsLeftToWaitOn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer itself needs descriptors to check objects";
#endif
  const auto response = [&] {
    const tests::NoDescriptors none;
    return complete(R"({"prompt":[5,6]})");
  }();
  expect_error(response, 503, "no file descriptor is left");
  EXPECT_EQ(completed(R"({"prompt":[5,6]})").at("usage"), usage(2, 8)) << "nothing was kept back";
}

TEST_F(ApiService, CompletesAPrompt) {
  const auto response = completed(R"({"model":"little","prompt":"Once upon a time"})");
  EXPECT_EQ(response.at("object"), "text_completion");
  EXPECT_EQ(response.at("model"), "little");
  EXPECT_GT(response.at("created").get<std::int64_t>(), 1'700'000'000);
  ASSERT_THAT(response.at("choices"), SizeIs(1));
  const auto& choice = response.at("choices")[0];
  EXPECT_NE(choice.at("text"), "");
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_FALSE(choice.contains("cecollm"));
  const auto prompt_tokens = tokenizer_->encode("Once upon a time", true).size();
  EXPECT_EQ(response.at("usage"), usage(prompt_tokens, 8));
}

TEST_F(ApiService, GivesEachResponseAnIdOfItsOwn) {
  const auto first = completed(R"({"prompt":"a"})").at("id");
  EXPECT_NE(first, completed(R"({"prompt":"a"})").at("id"));
  EXPECT_THAT(first.get<std::string>(), testing::StartsWith("cmpl-"));
}

TEST_F(ApiService, StreamsTheSameText) {
  const auto whole = completed(R"({"prompt":"Once","max_tokens":40})");
  const auto events = events_of(complete(R"({"prompt":"Once","max_tokens":40,"stream":true})"));
  std::string text;
  for (const auto& event : events) {
    EXPECT_EQ(event.at("id"), events.front().at("id"));
    EXPECT_EQ(event.at("created"), events.front().at("created"));
    EXPECT_FALSE(event.contains("usage"));
    ASSERT_THAT(event.at("choices"), SizeIs(1));
    text += event.at("choices")[0].at("text");
    const bool last = &event == &events.back();
    EXPECT_EQ(event.at("choices")[0].at("finish_reason"), last ? json("length") : json());
  }
  EXPECT_EQ(text, whole.at("choices")[0].at("text"));
  EXPECT_GT(events.size(), 20U);
}

TEST_F(ApiService, StreamsItsUsageWhereThatIsAskedFor) {
  const auto events = events_of(
      complete(R"({"prompt":[5,6],"stream":true,"stream_options":{"include_usage":true}})"));
  EXPECT_EQ(events.back().at("choices"), json::array());
  EXPECT_EQ(events.back().at("usage"), usage(2, 8));
  EXPECT_TRUE(events.front().at("usage").is_null());
}

TEST_F(ApiService, SaysHowManyTokensItHadKeptOfAConversation) {
  const auto next = turn({5, 6, 7});
  EXPECT_EQ(cached(next), 3 + 8 - 1) << "all that was computed";
}

TEST_F(ApiService, KeepsConversationsOfKeysApart) {
  identity_ = "till-1";
  const auto next = turn({5, 6, 7});
  identity_ = "till-2";
  EXPECT_EQ(cached(next), 0);
  identity_ = "till-1";
  EXPECT_EQ(cached(next), 3 + 8 - 1);
}

TEST_F(ApiService, GivesNChoicesForEachPrompt) {
  const auto response =
      completed(R"({"prompt":["Once","Twice"],"n":2,"temperature":1,"seed":1,"max_tokens":20})");
  ASSERT_THAT(response.at("choices"), SizeIs(4));
  std::set<std::string> texts;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(response.at("choices")[i].at("index"), i);
    texts.insert(response.at("choices")[i].at("text"));
  }
  EXPECT_THAT(texts, SizeIs(4)) << "every choice has a seed of its own";
  const auto prompts =
      tokenizer_->encode("Once", true).size() + tokenizer_->encode("Twice", true).size();
  EXPECT_EQ(response.at("usage").at("prompt_tokens"), prompts);
  EXPECT_EQ(response.at("usage").at("completion_tokens"), 80);
}

TEST_F(ApiService, StreamsSeveralChoices) {
  const auto events = events_of(complete(R"({"prompt":"Once","n":3,"stream":true})"));
  std::map<int, int> ends;
  for (const auto& event : events) {
    const auto& choice = event.at("choices")[0];
    if (!choice.at("finish_reason").is_null()) ++ends[choice.at("index").get<int>()];
  }
  EXPECT_THAT(ends, ElementsAre(testing::Pair(0, 1), testing::Pair(1, 1), testing::Pair(2, 1)));
}

TEST_F(ApiService, RepeatsASeed) {
  const std::string body = R"({"prompt":"Once","temperature":1,"seed":42,"max_tokens":20})";
  EXPECT_EQ(completed(body).at("choices"), completed(body).at("choices"));
}

TEST_F(ApiService, StopsAtAStopString) {
  const std::string text =
      completed(R"({"prompt":"Once","max_tokens":40})").at("choices")[0].at("text");
  const auto stop = text.substr(text.size() / 2, 3);
  const auto choice =
      completed(json({{"prompt", "Once"}, {"max_tokens", 40}, {"stop", stop}}).dump())
          .at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  EXPECT_EQ(choice.at("text"), text.substr(0, text.find(stop)));
}

TEST_F(ApiService, EchoesThePromptBeforeEachChoice) {
  const std::string plain = completed(R"({"prompt":"Once"})").at("choices")[0].at("text");
  EXPECT_EQ(completed(R"({"prompt":"Once","echo":true})").at("choices")[0].at("text"),
            "Once" + plain);
  std::string streamed;
  for (const auto& event : events_of(complete(R"({"prompt":"Once","echo":true,"stream":true})"))) {
    streamed += event.at("choices")[0].at("text");
  }
  EXPECT_EQ(streamed, "Once" + plain);
}

TEST_F(ApiService, GivesNothingWhereNothingIsAskedFor) {
  const auto response = completed(R"({"prompt":"Once","max_tokens":0})");
  EXPECT_EQ(response.at("choices")[0].at("text"), "");
  EXPECT_EQ(response.at("choices")[0].at("finish_reason"), "length");
  EXPECT_EQ(response.at("usage").at("completion_tokens"), 0);
}

TEST_F(ApiService, ListsLogprobs) {
  const auto logprobs =
      completed(R"({"prompt":"Once","logprobs":2})").at("choices")[0].at("logprobs");
  EXPECT_THAT(logprobs.at("tokens"), SizeIs(8));
  EXPECT_THAT(logprobs.at("token_logprobs"), SizeIs(8));
  EXPECT_THAT(logprobs.at("text_offset"), SizeIs(8));
  for (const auto& top : logprobs.at("top_logprobs")) EXPECT_THAT(top, SizeIs(2));
}

TEST_F(ApiService, TellsTheSourceOfEveryToken) {
  const auto extension =
      completed(R"({"prompt":"Once","cecollm":{"threshold":2}})").at("choices")[0].at("cecollm");
  ASSERT_THAT(extension.at("tokens"), SizeIs(8));
  for (const auto& token : extension.at("tokens")) {
    EXPECT_EQ(token.at("source"), "exit2");
    EXPECT_EQ(token.at("exit_layer"), 6);
    EXPECT_GT(token.at("confidence"), 0.0);
  }
  EXPECT_EQ(extension.at("mode"), "standalone");
  EXPECT_EQ(extension.at("bytes_up"), 0);
}

TEST_F(ApiService, RefusesPromptsThatDoNotFit) {
  expect_error(complete(R"({"prompt":[]})"), 400, "from 1 to 128 prompts");
  expect_error(complete(R"({"prompt":[[]]})"), 400, "the prompt is empty");
  const auto too_long = complete(json({{"prompt", std::vector<int>(512, 5)}}).dump());
  expect_error(too_long, 400, "512 tokens, the model's context ends at 512");
  EXPECT_EQ(json::parse(too_long.body).at("error").at("code"), "context_length_exceeded");
}

TEST_F(ApiService, RefusesWhatCannotBeRead) {
  expect_error(complete("{"), 400, "no JSON");
  expect_error(complete(R"({"prompt":"a","n":5})"), 400, "at most 4 generations");
  expect_error(complete(R"({"prompt":"a","model":"large"})"), 404, "no model 'large'");
  expect_error(complete(R"({"prompt":"a","stream":true,"top_p":7})"), 400, "top_p");
}

TEST_F(ApiService, TellsAClientToComeBackLater) {
  gate_.set(false);
  auto streaming = std::async(std::launch::async, [this] {
    ScriptedClient client;
    return ask("POST", "/v1/completions", R"({"prompt":"Once","n":4})", client);
  });
  // Whether it has begun shows in what others are told.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (service_->wait_until_idle(std::chrono::milliseconds(0)) &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  const auto refused = complete(R"({"prompt":"Once"})");
  expect_error(refused, 429, "try again later");
  EXPECT_THAT(refused.headers, ElementsAre(testing::Pair("Retry-After", "1")));
  gate_.set(true);
  EXPECT_EQ(streaming.get().status, 200);
  EXPECT_EQ(complete(R"({"prompt":"Once"})").status, 200);
}

TEST_F(ApiService, AnswersAChatWithWhatFollowsItsPrompt) {
  const auto response = chatted(R"({"messages":[{"role":"user","content":"Once"}]})");
  EXPECT_EQ(response.at("object"), "chat.completion");
  EXPECT_THAT(response.at("id").get<std::string>(), testing::StartsWith("chatcmpl-"));
  const auto& choice = response.at("choices")[0];
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_EQ(choice.at("finish_reason"), "length");
  auto ids = tokenizer_->encode("Once\n", false);
  ids.insert(ids.begin(), 0);
  identity_ = "till-2";  // whose conversation it is not
  const auto plain = completed(json({{"prompt", ids}}).dump());
  EXPECT_EQ(choice.at("message").at("content"), plain.at("choices")[0].at("text"));
  EXPECT_EQ(response.at("usage"), plain.at("usage"));
}

TEST_F(ApiService, StreamsAChatWithItsRoleFirst) {
  const std::string fields = R"({"messages":[{"role":"user","content":"Once"}],"max_tokens":20)";
  const auto whole = chatted(fields + "}");
  const auto events = events_of(
      chat(fields + R"(,"stream":true,"stream_options":{"include_usage":true},"cecollm":{}})"));
  std::string text;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const auto& choice = events[i].at("choices")[0];
    EXPECT_EQ(events[i].at("object"), "chat.completion.chunk");
    EXPECT_EQ(choice.at("delta").contains("role"), i == 0);
    EXPECT_EQ(choice.at("finish_reason").is_null(), i + 2 < events.size());
    EXPECT_TRUE(choice.contains("cecollm"));
    text += choice.at("delta").value("content", "");
  }
  EXPECT_EQ(text, whole.at("choices")[0].at("message").at("content"));
  EXPECT_EQ(events.back().at("choices"), json::array());
  EXPECT_EQ(events.back().at("usage"), whole.at("usage"));
}

TEST_F(ApiService, LetsNoMessageWriteSpecialTokens) {
  const auto tokens_of = [this](const std::string& content) {
    return chatted(json({{"messages", {{{"role", "user"}, {"content", content}}}}}).dump())
        .at("usage")
        .at("prompt_tokens")
        .get<std::size_t>();
  };
  // As one token it would add 1.
  EXPECT_GT(tokens_of("a<|endoftext|>"), tokens_of("a") + 2);
}

TEST_F(ApiService, TellsWhyAChatIsNotForTheTemplate) {
  const auto refused = chat(R"({"messages":[{"role":"assistant","content":"Once"}]})");
  expect_error(refused, 400, "the chat template refuses these messages: the user speaks first");
  EXPECT_EQ(json::parse(refused.body).at("error").at("param"), "messages");
  expect_error(
      chat(json({{"messages", {{{"role", "user"}, {"content", std::string(4000, 'x')}}}}}).dump()),
      400, "the model's context ends at 512");
}

TEST_F(ApiService, TakesNothingNewWhileItDrains) {
  accepting_ = false;
  expect_error(chat(R"({"messages":[{"role":"user","content":"Once"}]})"), 503, "shutting down");
  const auto refused = complete(R"({"prompt":"Once"})");
  expect_error(refused, 503, "shutting down");
  EXPECT_THAT(refused.headers, ElementsAre(testing::Pair("Retry-After", "1")));
}

TEST_F(ApiService, CancelsTheGenerationOfAClientThatHangsUpInAStream) {
  auto response = complete(R"({"prompt":"Once","max_tokens":400,"stream":true})");
  ASSERT_TRUE(response.stream);
  body_.after_piece = [this] {
    gate_.set(false);
    client_.hang_up();
  };
  EXPECT_FALSE(response.stream(body_, client_));
  response.stream = nullptr;  // as the server drops it
  gate_.set(true);
  EXPECT_TRUE(comes_to(cancelled(), 1));
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(20)));
}

TEST_F(ApiService, CancelsTheGenerationsOfAClientThatHangsUpWhileItWaits) {
  client_.hang_up();
  gate_.set(false);
  complete(R"({"prompt":"Once","max_tokens":400,"n":2})");
  gate_.set(true);
  EXPECT_TRUE(comes_to(cancelled(), 2));
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(20)));
}

TEST_F(ApiService, HasAStatusForAnErrorBeforeTheFirstToken) {
  engine_->inject = [](const model::Step&) {
    return model::Error{model::ErrorCode::unsupported, "the engine broke"};
  };
  expect_error(complete(R"({"prompt":"Once"})"), 500, "the engine broke");
  expect_error(complete(R"({"prompt":"Once","stream":true})"), 500, "the engine broke");
}

TEST_F(ApiService, TellsAnErrorInTheMiddleOfAStream) {
  engine_->inject = [](const model::Step& step) -> std::optional<model::Error> {
    if (step.session->length() < 6) return std::nullopt;
    return model::Error{model::ErrorCode::unsupported, "the engine broke"};
  };
  const auto events = events_of(complete(R"({"prompt":[5],"stream":true})"));
  ASSERT_GT(events.size(), 2U);
  EXPECT_EQ(events.back().at("error").at("message"), "the engine broke");
  EXPECT_EQ(events.back().at("error").at("type"), "server_error");
  EXPECT_TRUE(events.front().contains("choices"));
}

TEST_F(ApiService, SaysThatTheEdgeHasEnded) {
  caf::scoped_actor self{system_};
  self->monitor(edge_);
  self->send_exit(edge_, caf::exit_reason::kill);
  self->receive([](const caf::down_msg&) {});
  expect_error(complete(R"({"prompt":"Once"})"), 500, "the edge");
}

TEST_F(ApiService, ListsItsModel) {
  const auto list = json::parse(ask("GET", "/v1/models", "", client_).body);
  EXPECT_EQ(list.at("object"), "list");
  ASSERT_THAT(list.at("data"), SizeIs(1));
  EXPECT_EQ(list.at("data")[0].at("id"), "little");
  EXPECT_EQ(list.at("data")[0].at("max_model_len"), 512);
}

TEST_F(ApiService, TurnsTextToIdsAndBack) {
  const auto tokenized = json::parse(post("/tokenize", R"({"prompt":"Once upon a time"})").body);
  EXPECT_EQ(tokenized.at("count"), tokenized.at("tokens").size());
  const auto back = post("/detokenize", json({{"tokens", tokenized.at("tokens")}}).dump());
  EXPECT_THAT(json::parse(back.body).at("prompt").get<std::string>(),
              HasSubstr("Once upon a time"));
  expect_error(post("/tokenize", "{}"), 400, "prompt");
  expect_error(post("/detokenize", R"({"tokens":[-1]})"), 400, "tokens");
}

}  // namespace
}  // namespace cecollm::api
