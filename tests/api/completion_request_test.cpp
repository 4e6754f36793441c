#include "api/completion_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/served_model.hpp"

namespace cecollm::api {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

actors::GenerationRequest edge_defaults() {
  actors::GenerationRequest defaults;
  defaults.thresholds.values = {0.8F, 0.8F};
  defaults.max_tokens = 77;
  defaults.stop = {"END"};
  defaults.sampling.temperature = 0.5F;
  defaults.sampling.seed = 3;
  return defaults;
}

Result<CompletionRequest> parse(std::string_view body,
                                const ServedModel& model = tests::served_model()) {
  return parse_completion_request(body, edge_defaults(), model, 4711);
}

/// The request with a prompt and these fields.
Result<CompletionRequest> with(const std::string& fields) {
  return parse(R"({"prompt":"Once",)" + fields + "}");
}

actors::GenerationRequest generation_with(const std::string& fields) {
  const auto request = with(fields);
  EXPECT_TRUE(request) << request.error().message;
  return request ? request->options.generation : actors::GenerationRequest{};
}

void expect_refused(const Result<CompletionRequest>& request, const std::string& param,
                    const std::string& message) {
  ASSERT_FALSE(request) << param;
  EXPECT_EQ(request.error().status, 400);
  EXPECT_EQ(request.error().param, param);
  EXPECT_THAT(request.error().message, HasSubstr(message));
}

TEST(CompletionRequest, NeedsNothingButAPrompt) {
  const auto request = parse(R"({"prompt":"Once"})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(request->prompts, ElementsAre(Prompt("Once")));
  EXPECT_EQ(request->options.n, 1U);
  EXPECT_FALSE(request->options.stream);
  EXPECT_FALSE(request->options.include_usage);
  EXPECT_FALSE(request->options.logprobs);
  EXPECT_FALSE(request->options.extended);
  EXPECT_FALSE(request->echo);
}

TEST(CompletionRequest, TakesWhatItLeavesOutFromTheEdge) {
  const auto generation = generation_with(R"("stream":false)");
  EXPECT_EQ(generation.max_tokens, 77);
  EXPECT_THAT(generation.stop, ElementsAre("END"));
  EXPECT_THAT(generation.thresholds.values, ElementsAre(0.8F, 0.8F));
  EXPECT_EQ(generation.sampling.temperature, 0.5F);
}

TEST(CompletionRequest, SamplesAnewWithoutASeed) {
  EXPECT_EQ(generation_with(R"("temperature":1)").sampling.seed, 4711U);
  EXPECT_EQ(generation_with(R"("temperature":1,"seed":5)").sampling.seed, 5U);
  EXPECT_EQ(generation_with(R"("temperature":1,"seed":-1)").sampling.seed, ~std::uint64_t{0});
  EXPECT_EQ(generation_with(R"("temperature":0)").sampling.seed, 3U);
}

TEST(CompletionRequest, TakesPromptsOfEveryKind) {
  using Ids = std::vector<model::TokenId>;
  EXPECT_THAT(parse(R"({"prompt":["a","b"]})")->prompts, ElementsAre(Prompt("a"), Prompt("b")));
  EXPECT_THAT(parse(R"({"prompt":[1,2,99]})")->prompts, ElementsAre(Prompt(Ids{1, 2, 99})));
  EXPECT_THAT(parse(R"({"prompt":[[1],[2,3]]})")->prompts,
              ElementsAre(Prompt(Ids{1}), Prompt(Ids{2, 3})));
}

TEST(CompletionRequest, RefusesPromptsThatAreNone) {
  expect_refused(parse("{}"), "prompt", "is missing");
  expect_refused(parse(R"({"prompt":null})"), "prompt", "is missing");
  for (const char* prompt : {"1", "true", "{}", "[1,\"a\"]", "[\"a\",1]", "[100]", "[-1]", "[1.5]",
                             "[[1],[100]]", "[true]", "[[[1]]]", "[1e30]"}) {
    expect_refused(parse(R"({"prompt":)" + std::string(prompt) + "}"), "prompt", "is to be a");
  }
  expect_refused(parse(R"({"prompt":[]})"), "prompt", "from 1 to 128 prompts");
  std::string many = R"({"prompt":["a")";
  for (int i = 0; i < 128; ++i) many += R"(,"a")";
  expect_refused(parse(many + "]}"), "prompt", "from 1 to 128 prompts");
}

TEST(CompletionRequest, WantsIdsWhereThereIsNoTokenizer) {
  auto model = tests::served_model();
  model.has_tokenizer = false;
  expect_refused(parse(R"({"prompt":"Once"})", model), "prompt", "no tokenizer.json");
  EXPECT_TRUE(parse(R"({"prompt":[1]})", model));
}

TEST(CompletionRequest, RefusesWhatIsNoObject) {
  for (const char* body : {"", "{", "nonsense", "[]", "\"prompt\"", "1", "{\"prompt\":\"\xFF\"}",
                           "{\"prompt\":\"a\",\"temperature\":1e999}"}) {
    expect_refused(parse(body), "", "the body");
  }
  expect_refused(parse(std::string(100'000, '[')), "", "the body is no JSON");
  expect_refused(parse(std::string(100'000, '[') + std::string(100'000, ']')), "", "a JSON object");
}

TEST(CompletionRequest, PassesOverNullsAndUnknownFields) {
  EXPECT_TRUE(with(
      R"("model":null,"n":null,"stream":null,"stream_options":null,"stop":null,"seed":null,
         "temperature":null,"top_p":null,"top_k":null,"min_p":null,"presence_penalty":null,
         "frequency_penalty":null,"repetition_penalty":null,"logit_bias":null,"logprobs":null,
         "max_tokens":null,"ignore_eos":null,"echo":null,"suffix":null,"best_of":null,
         "cecollm":null,"user":"me","frobnicate":{"a":[1]})"));
}

TEST(CompletionRequest, ReadsTheSamplingParameters) {
  const auto sampling = generation_with(R"("temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,
                         "presence_penalty":0.5,"frequency_penalty":-0.5,
                         "repetition_penalty":1.1,"seed":9)")
                            .sampling;
  EXPECT_FLOAT_EQ(sampling.temperature, 0.7F);
  EXPECT_FLOAT_EQ(sampling.top_p, 0.9F);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_FLOAT_EQ(sampling.min_p, 0.05F);
  EXPECT_FLOAT_EQ(sampling.presence_penalty, 0.5F);
  EXPECT_FLOAT_EQ(sampling.frequency_penalty, -0.5F);
  EXPECT_FLOAT_EQ(sampling.repetition_penalty, 1.1F);
  EXPECT_TRUE(model::validate(sampling));
  EXPECT_EQ(generation_with(R"("top_k":-1)").sampling.top_k, 0);
}

TEST(CompletionRequest, RefusesParametersOutOfRange) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"temperature", "-0.1"},
                                                        {"temperature", "1e30"},
                                                        {"top_p", "0"},
                                                        {"top_p", "1.1"},
                                                        {"top_k", "-2"},
                                                        {"top_k", "3000000000"},
                                                        {"min_p", "1.5"},
                                                        {"presence_penalty", "2.1"},
                                                        {"frequency_penalty", "-2.1"},
                                                        {"repetition_penalty", "0"},
                                                        {"n", "0"},
                                                        {"n", "129"},
                                                        {"max_tokens", "-1"},
                                                        {"logprobs", "129"},
                                                        {"temperature", "\"hot\""},
                                                        {"stream", "1"},
                                                        {"seed", "0.5"},
                                                        {"seed", "18446744073709551616"},
                                                        {"max_tokens", "1.5"},
                                                        {"model", "1"},
                                                        {"ignore_eos", "\"yes\""},
                                                        {"stream_options", "[]"},
                                                        {"cecollm", "true"},
                                                        {"logit_bias", "[]"}}) {
    const auto request = with("\"" + name + "\":" + value);
    ASSERT_FALSE(request) << name << " " << value;
    EXPECT_EQ(request.error().param, name) << value;
    EXPECT_THAT(request.error().message, HasSubstr(name)) << value;
  }
  expect_refused(with(R"("seed":0.5)"), "seed", "a whole number of 64 bits");
}

TEST(CompletionRequest, TakesWholeNumbersInEverySpelling) {
  EXPECT_EQ(generation_with(R"("max_tokens":16.0)").max_tokens, 16);
  EXPECT_EQ(generation_with(R"("max_tokens":1e2)").max_tokens, 100);
  EXPECT_EQ(generation_with(R"("max_tokens":0)").max_tokens, 0);
}

TEST(CompletionRequest, TakesStopAsAStringOrAList) {
  EXPECT_THAT(generation_with(R"("stop":"a")").stop, ElementsAre("a"));
  EXPECT_THAT(generation_with(R"("stop":["a","b"])").stop, ElementsAre("a", "b"));
  EXPECT_THAT(generation_with(R"("stop":[])").stop, ElementsAre());
  expect_refused(with(R"("stop":[1])"), "stop", "a list of at most 16 strings");
  expect_refused(with(R"("stop":")" + std::string(1025, 'x') + "\""), "stop", "1024 bytes");
}

TEST(CompletionRequest, ReadsABiasOfLogitsByTokenId) {
  EXPECT_THAT(
      generation_with(R"("logit_bias":{"5":1.5,"99":-100})").sampling.logit_bias,
      testing::UnorderedElementsAre(model::LogitBias{5, 1.5F}, model::LogitBias{99, -100.0F}));
  EXPECT_TRUE(generation_with(R"("logit_bias":{})").sampling.logit_bias.empty());
  for (const char* key : {"100", "-1", "a", "", "5 ", "99999999999"}) {
    expect_refused(with("\"logit_bias\":{\"" + std::string(key) + "\":1}"), "logit_bias",
                   "keys are token ids below 100");
  }
  for (const char* bias : {"101", "-100.5", "\"1\"", "null"}) {
    expect_refused(with("\"logit_bias\":{\"5\":" + std::string(bias) + "}"), "logit_bias",
                   "is to hold numbers from -100 to 100");
  }
  std::string many = "\"logit_bias\":{";
  for (int i = 0; i < 1025; ++i) many += "\"x" + std::to_string(i) + "\":1,";
  expect_refused(with(many + "\"y\":1}"), "logit_bias", "has more than 1024 tokens");
}

TEST(CompletionRequest, RefusesWhatWouldChangeTheAnswerUnnoticed) {
  expect_refused(with(R"("suffix":"end")"), "suffix", "is not supported");
  expect_refused(with(R"("best_of":3)"), "best_of", "equals n");
  EXPECT_TRUE(with(R"("suffix":"","best_of":2,"n":2)"));
  expect_refused(with(R"("echo":true,"logprobs":1)"), "echo", "excludes logprobs");
}

TEST(CompletionRequest, TellsLogprobsWithoutAlternativesFromNone) {
  const auto request = with(R"("logprobs":0)");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->options.logprobs);
  EXPECT_EQ(request->options.generation.sampling.top_logprobs, 0);
  EXPECT_EQ(with(R"("logprobs":5)")->options.generation.sampling.top_logprobs, 5);
}

TEST(CompletionRequest, ReadsHowToAnswer) {
  const auto request = with(R"("n":3,"stream":true,"stream_options":{"include_usage":true},
                               "echo":true)");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->options.n, 3U);
  EXPECT_TRUE(request->options.stream);
  EXPECT_TRUE(request->options.include_usage);
  EXPECT_TRUE(request->echo);
}

TEST(CompletionRequest, KnowsItsModel) {
  EXPECT_TRUE(with(R"("model":"little")"));
  EXPECT_TRUE(with(R"("model":"")"));
  const auto other = with(R"("model":"large")");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().status, 404);
  EXPECT_EQ(other.error().code, "model_not_found");
  EXPECT_THAT(other.error().message, HasSubstr("'little'"));
}

TEST(CompletionRequest, ReadsTheExtension) {
  const auto request =
      with(R"("cecollm":{"mode":"cloud-only","threshold":[0.5,0.6],"token_deadline_ms":250})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_TRUE(request->options.extended);
  const auto& generation = request->options.generation;
  EXPECT_EQ(generation.mode, policy::Mode::cloud_only);
  EXPECT_THAT(generation.thresholds.values, ElementsAre(0.5F, 0.6F));
  EXPECT_EQ(generation.token_deadline, milliseconds(250));
  EXPECT_EQ(generation.first_token_deadline, milliseconds(250));
  EXPECT_THAT(generation_with(R"("cecollm":{"threshold":2})").thresholds.values,
              ElementsAre(2.0F, 2.0F));
}

TEST(CompletionRequest, KeepsAPrivateRequestOnTheEdge) {
  EXPECT_EQ(generation_with(R"("cecollm":{"standalone_only":true})").mode,
            policy::Mode::standalone);
  EXPECT_EQ(generation_with(R"("cecollm":{"standalone_only":false})").mode,
            policy::Mode::collaborative);
  expect_refused(with(R"("cecollm":{"standalone_only":true,"mode":"collaborative"})"),
                 "cecollm.standalone_only", "excludes mode collaborative");
  EXPECT_TRUE(with(R"("cecollm":{"standalone_only":true,"mode":"standalone"})"));
}

TEST(CompletionRequest, RefusesAnExtensionThatMakesNoSense) {
  expect_refused(with(R"("cecollm":{"mode":"full"})"), "cecollm.mode",
                 "standalone or collaborative or cloud-only");
  expect_refused(with(R"("cecollm":{"threshold":[]})"), "cecollm.threshold", "a number or a list");
  expect_refused(with(R"("cecollm":{"threshold":[1,2,3]})"), "cecollm.threshold", "at most 2");
  expect_refused(with(R"("cecollm":{"threshold":"high"})"), "cecollm.threshold", "a number");
  expect_refused(with(R"("cecollm":{"token_deadline_ms":-1})"), "cecollm.token_deadline_ms",
                 "from 0 to 600000");
}

TEST(CompletionRequest, RefusesTheCloudWhereThereIsNone) {
  auto model = tests::served_model();
  model.modes = {policy::Mode::standalone};
  expect_refused(parse(R"({"prompt":"a","cecollm":{"mode":"collaborative"}})", model),
                 "cecollm.mode", "is to be standalone here");
  EXPECT_TRUE(parse(R"({"prompt":"a","cecollm":{"mode":"standalone"}})", model));
}

TEST(CompletionRequest, RefusesToStayOnTheEdgeWhereThereIsNone) {
  auto model = tests::served_model();
  model.modes = {policy::Mode::cloud_only};
  expect_refused(parse(R"({"prompt":"a","cecollm":{"mode":"standalone"}})", model), "cecollm.mode",
                 "is to be cloud-only here");
  expect_refused(parse(R"({"prompt":"a","cecollm":{"standalone_only":true}})", model),
                 "cecollm.standalone_only", "this is the cloud");
}

}  // namespace
}  // namespace cecollm::api
