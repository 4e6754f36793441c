#include "api/chat_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/served_model.hpp"

namespace cecollm::api {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

Result<ChatRequest> parse_chat(std::string_view body) {
  actors::GenerationRequest defaults;
  defaults.max_tokens = 77;
  defaults.thresholds.values = {0.8F, 0.8F};
  return parse_chat_request(body, defaults, tests::served_model(), 4711);
}

/// The request with a message and these fields.
Result<ChatRequest> chat_with(const std::string& fields) {
  return parse_chat(R"({"messages":[{"role":"user","content":"Hi"}],)" + fields + "}");
}
Result<ChatRequest> chat_of(const std::string& message) {
  return parse_chat(R"({"messages":[{"role":"user","content":"Hi"},)" + message + "]}");
}

void expect_chat_refused(const Result<ChatRequest>& request, const std::string& param,
                         const std::string& message) {
  ASSERT_FALSE(request) << param;
  EXPECT_EQ(request.error().status, 400);
  EXPECT_EQ(request.error().param, param);
  EXPECT_EQ(request.error().message, param + " " + message);
}

TEST(ChatRequest, NeedsNothingButMessages) {
  const auto request = parse_chat(R"({"messages":[{"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_THAT(request->chat.messages, SizeIs(1));
  EXPECT_EQ(request->chat.messages[0].role, "user");
  EXPECT_EQ(request->chat.messages[0].content, "Hi");
  EXPECT_TRUE(request->chat.add_generation_prompt);
  EXPECT_FALSE(request->add_special_tokens);
  EXPECT_EQ(request->options.generation.max_tokens, 77);
  EXPECT_FALSE(request->options.logprobs);
}

TEST(ChatRequest, PutsTextPartsTogether) {
  const auto request = chat_of(
      R"({"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->chat.messages[1].content, "ab");
}

TEST(ChatRequest, KnowsTheDeveloperAsTheSystem) {
  const auto request =
      chat_of(R"({"role":"developer","content":"x","name":"ann","reasoning_content":"hm"})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->chat.messages[1].role, "system");
  EXPECT_EQ(request->chat.messages[1].name, "ann");
  EXPECT_EQ(request->chat.messages[1].reasoning, "hm");
}

TEST(ChatRequest, RefusesMessagesByTheirPlace) {
  const std::string list = "is to be a list of from 1 to 4096 messages";
  expect_chat_refused(parse_chat("{}"), "messages", list);
  expect_chat_refused(parse_chat(R"({"messages":[]})"), "messages", list);
  expect_chat_refused(parse_chat(R"({"messages":"Hi"})"), "messages", list);
  expect_chat_refused(chat_of("5"), "messages[1]", "is to be an object with role and content");
  const std::string roles = "is to be system, developer, user or assistant";
  expect_chat_refused(chat_of(R"({"content":"a"})"), "messages[1].role", roles);
  expect_chat_refused(chat_of(R"({"role":"tool","content":"a"})"), "messages[1].role", roles);
  expect_chat_refused(chat_of(R"({"role":"user","content":null})"), "messages[1].content",
                      "is missing");
  expect_chat_refused(chat_of(R"({"role":"user","content":5})"), "messages[1].content",
                      "is to be a string or a list of text parts");
  expect_chat_refused(chat_of(R"({"role":"assistant","content":"a","tool_calls":[{}]})"),
                      "messages[1].tool_calls", "is not supported");
}

TEST(ChatRequest, RefusesPartsThatAreNoText) {
  expect_chat_refused(
      chat_of(R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url"}]})"),
      "messages[1].content[1].type", "is 'image_url', and only text is supported");
  expect_chat_refused(chat_of(R"({"role":"user","content":[{"type":"text"}]})"),
                      "messages[1].content[0].text", "is missing");
  expect_chat_refused(chat_of(R"({"role":"user","content":["a"]})"), "messages[1].content[0]",
                      "is to be an object with type and text");
}

TEST(ChatRequest, TakesTheNewerNameOfItsLimit) {
  EXPECT_EQ(chat_with(R"("max_tokens":5)")->options.generation.max_tokens, 5);
  EXPECT_EQ(chat_with(R"("max_completion_tokens":6)")->options.generation.max_tokens, 6);
  EXPECT_EQ(chat_with(R"("max_completion_tokens":6,"max_tokens":5)")->options.generation.max_tokens,
            6);
  EXPECT_EQ(
      chat_with(R"("max_completion_tokens":null,"max_tokens":5)")->options.generation.max_tokens,
      5);
}

TEST(ChatRequest, HasLogprobsAsThisApiSpellsThem) {
  const auto request = chat_with(R"("logprobs":true,"top_logprobs":3)");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->options.logprobs);
  EXPECT_EQ(request->options.generation.sampling.top_logprobs, 3);
  expect_chat_refused(chat_with(R"("top_logprobs":3)"), "top_logprobs",
                      "needs logprobs to be true");
  expect_chat_refused(chat_with(R"("logprobs":2)"), "logprobs", "is to be true or false");
}

TEST(ChatRequest, RefusesWhatWouldChangeTheAnswerAndIsNotServed) {
  const std::string tools = "is not supported: leave it out, or empty";
  expect_chat_refused(chat_with(R"("tools":[{"type":"function"}])"), "tools", tools);
  expect_chat_refused(chat_with(R"("functions":[{}])"), "functions", tools);
  expect_chat_refused(chat_with(R"("tool_choice":"required")"), "tool_choice",
                      "is to be none or auto: tools are not supported");
  expect_chat_refused(chat_with(R"("response_format":{"type":"json_object"})"), "response_format",
                      "is to be of type text");
  expect_chat_refused(chat_with(R"("modalities":["text","audio"])"), "modalities",
                      "is to be [\"text\"]");
  expect_chat_refused(chat_with(R"("chat_template":"x")"), "chat_template",
                      "is not supported: the model has its own");
  expect_chat_refused(chat_with(R"("continue_final_message":true)"), "continue_final_message",
                      "is not supported");
}

TEST(ChatRequest, AcceptsTheseFieldsWhereTheyChangeNothing) {
  const auto request = chat_with(
      R"("tools":[],"tool_choice":"none","response_format":{"type":"text"},"modalities":["text"],)"
      R"("functions":null,"chat_template":null,"user":"ann","store":false,"metadata":{})");
  EXPECT_TRUE(request) << request.error().message;
}

TEST(ChatRequest, HandsValuesOnToTheTemplate) {
  const auto request = chat_with(
      R"("chat_template_kwargs":{"enable_thinking":false,"n":-3,"m":4,"x":1.5,"s":"t","z":null})");
  ASSERT_TRUE(request) << request.error().message;
  const auto& variables = request->chat.variables;
  ASSERT_THAT(variables, SizeIs(6));
  EXPECT_FALSE(*model::find_entry(variables, "enable_thinking")->as_boolean());
  EXPECT_EQ(model::find_entry(variables, "n")->as_integer(), -3);
  EXPECT_EQ(model::find_entry(variables, "m")->as_integer(), 4);
  EXPECT_EQ(model::find_entry(variables, "x")->as_real(), 1.5);
  EXPECT_EQ(*model::find_entry(variables, "s")->as_text(), "t");
  EXPECT_TRUE(model::find_entry(variables, "z")->is_none());
  expect_chat_refused(chat_with(R"("chat_template_kwargs":{"a":[]})"), "chat_template_kwargs",
                      "is to hold strings, numbers and booleans");
}

TEST(ChatRequest, SharesItsOtherFieldsWithCompletions) {
  const auto request =
      chat_with(R"("n":2,"stop":"X","cecollm":{"threshold":0.5,"standalone_only":true})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->options.n, 2U);
  EXPECT_TRUE(request->options.extended);
  EXPECT_EQ(request->options.generation.mode, policy::Mode::standalone);
  const auto other = chat_with(R"("model":"large")");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().status, 404);
  EXPECT_THAT(parse_chat("{").error().message, HasSubstr("no JSON"));
}

}  // namespace
}  // namespace cecollm::api
