#include "model/chat_template.hpp"

#include <array>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string july_2024(const std::string& format) {
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  std::array<char, 256> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format.c_str(), &time)};
}

ChatValue template_value(const nlohmann::ordered_json& value) {
  if (value.is_string()) return ChatValue::text(value.get<std::string>());
  if (value.is_boolean()) return ChatValue::boolean(value.get<bool>());
  if (value.is_number_integer()) return ChatValue::integer(value.get<std::int64_t>());
  if (value.is_number()) return ChatValue::real(value.get<double>());
  if (value.is_array()) {
    ChatItems items;
    for (const auto& item : value) items.push_back(template_value(item));
    return ChatValue::list(std::move(items));
  }
  if (value.is_object()) {
    ChatEntries entries;
    for (const auto& [key, item] : value.items()) entries.emplace_back(key, template_value(item));
    return ChatValue::map(std::move(entries));
  }
  return ChatValue::none();
}

ChatEntries template_entries(const nlohmann::ordered_json& object) {
  ChatEntries entries;
  for (const auto& [key, value] : object.items()) entries.emplace_back(key, template_value(value));
  return entries;
}

/// What Jinja2 makes of templates; see the script beside it.
const nlohmann::ordered_json& golden_cases() {
  static const auto cases = nlohmann::ordered_json::parse(
      tests::read_whole_file(std::string(CECOLLM_FIXTURES) + "/chat_templates/cases.json"));
  return cases;
}

ChatInput chat_input(ChatEntries variables = {}) {
  ChatInput input;
  input.messages = {{"user", "Hi"}};
  input.variables = std::move(variables);
  input.format_now = july_2024;
  return input;
}

std::string rendered(std::string_view source, const ChatInput& input = chat_input()) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return "REFUSED " + parsed.error().message;
  const auto text = parsed->render(input);
  return text ? *text : "FAILED " + to_string(text.error());
}

TemplateFailure failure_of(std::string_view source, const TemplateLimits& limits = {}) {
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) {
    ADD_FAILURE() << source << ": " << parsed.error().message;
    return {};
  }
  const auto text = parsed->render(chat_input(), limits);
  if (text) {
    ADD_FAILURE() << source << " gives " << *text;
    return {};
  }
  return text.error();
}

TEST(ChatTemplate, WritesWhatJinjaWritesForTheTemplatesOfLlamaMistralAndQwen) {
  ASSERT_GE(golden_cases().at("chats").size(), 56U);
  for (const auto& golden : golden_cases().at("chats")) {
    SCOPED_TRACE(golden.at("name").get<std::string>());
    const auto parsed = ChatTemplate::parse(golden.at("template").get<std::string>());
    ASSERT_TRUE(parsed) << parsed.error().message;
    auto input = chat_input(template_entries(golden.at("variables")));
    input.add_generation_prompt = golden.at("add_generation_prompt");
    input.messages.clear();
    for (const auto& message : golden.at("messages")) {
      input.messages.push_back({message.at("role"), message.at("content")});
    }
    const auto text = parsed->render(input);
    if (golden.contains("raised")) {
      ASSERT_FALSE(text) << *text;
      EXPECT_EQ(text.error().kind, TemplateFailure::Kind::raised);
      EXPECT_EQ(text.error().message, golden.at("raised").get<std::string>());
    } else {
      ASSERT_TRUE(text) << to_string(text.error());
      EXPECT_EQ(*text, golden.at("text").get<std::string>());
    }
  }
}

TEST(ChatTemplate, GivesEveryConstructTheMeaningThatJinjaGivesIt) {
  const auto input = chat_input(template_entries(golden_cases().at("variables")));
  ASSERT_GE(golden_cases().at("constructs").size(), 80U);
  for (const auto& golden : golden_cases().at("constructs")) {
    const auto source = golden.at("template").get<std::string>();
    EXPECT_EQ(rendered(source, input), golden.at("text").get<std::string>()) << source;
  }
}

TEST(ChatTemplate, RefusesToRenderWhatJinjaRefuses) {
  const auto input = chat_input(template_entries(golden_cases().at("variables")));
  for (const auto& golden : golden_cases().at("failures")) {
    const auto source = golden.get<std::string>();
    EXPECT_THAT(rendered(source, input), testing::StartsWith("FAILED ")) << source;
  }
}

TEST(ChatTemplate, RefusesToReadWhatJinjaRefuses) {
  for (const auto& golden : golden_cases().at("malformed")) {
    const auto source = golden.get<std::string>();
    const auto parsed = ChatTemplate::parse(source);
    ASSERT_FALSE(parsed) << source;
    EXPECT_EQ(parsed.error().code, ErrorCode::malformed) << source;
    EXPECT_THAT(parsed.error().message, testing::StartsWith("line 1: ")) << source;
  }
}

// Texts as Meta and Qwen document them, independent of any template engine.
TEST(ChatTemplate, WritesThePromptsThatModelCardsShow) {
  auto input = chat_input({{"bos_token", ChatValue::text("<|begin_of_text|>")}});
  input.messages = {{"system", "You are a helpful assistant"}, {"user", "Hello"}};
  EXPECT_EQ(rendered("{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}"
                     "<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
                     "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>"
                     "\n\n{{ '' }}{% endif %}",
                     input),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
            "You are a helpful assistant<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
            "Hello<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, TellsAnExceptionOfTheTemplateFromItsOwnErrors) {
  const auto raised = failure_of("\n{{ raise_exception('roles must alternate') }}");
  EXPECT_EQ(raised.kind, TemplateFailure::Kind::raised);
  EXPECT_EQ(raised.message, "roles must alternate");
  EXPECT_EQ(to_string(raised), "the chat template refuses these messages: roles must alternate");
  const auto failed = failure_of("{% if true %}\n{{ messages[0].name.x }}{% endif %}");
  EXPECT_EQ(failed.kind, TemplateFailure::Kind::failed);
  EXPECT_EQ(to_string(failed),
            "the chat template, line 2: \"name\", which is undefined, has no attribute \"x\"");
}

TEST(ChatTemplate, NamesLineAndStatementThatIsNotSupported) {
  for (const char* name : {"include", "extends", "import", "block", "call", "filter", "with"}) {
    const auto parsed = ChatTemplate::parse("a\n{% " + std::string(name) + " 'x' %}");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::unsupported);
    EXPECT_EQ(parsed.error().message,
              "line 2: the statement \"" + std::string(name) + "\" is not supported");
  }
}

TEST(ChatTemplate, NamesLineAndFunctionThatIsNotSupportedWhereItIsReached) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{{ 1 | wordwrap }}", "the filter \"wordwrap\" is not supported"},
      {"{{ 1 is sameas 2 }}", "the test \"sameas\" is not supported"},
      {"{{ 'a'.encode() }}", "the string's method \"encode\" is not supported"},
      {"{{ [].append(1) }}", "the method \"append\" of a list is not supported"},
      {"{{ lipsum() }}", "the function \"lipsum\" is not supported"},
      {"{{ '%s' % 1 }}", "formatting a string by % is not supported"},
      {"{% for x in [1] %}{{ loop.changed(x) }}{% endfor %}", "loop.changed() is not supported"},
      {"{% for x in [1] %}{% set y = loop %}{% endfor %}",
       "\"loop\" other than as loop.NAME is not supported"}};
  for (const auto& [source, message] : cases) {
    const auto failure = failure_of("\n\n" + source);
    EXPECT_EQ(failure.kind, TemplateFailure::Kind::unsupported) << source;
    EXPECT_EQ(failure.line, 3) << source;
    EXPECT_EQ(failure.message, message);
    EXPECT_EQ(rendered("{% if false %}" + source + "{% endif %}ok"), "ok") << source;
  }
}

TEST(ChatTemplate, BoundsWhatATemplateMayTake) {
  TemplateLimits limits;
  limits.steps = 1000;
  limits.bytes = 100'000;
  limits.output_bytes = 1000;
  limits.depth = 50;
  const std::vector<std::pair<const char*, const char*>> cases{
      {"{% for i in range(1000000000000) %}{% endfor %}", "more than 1000 steps"},
      {"{% for i in range(100) %}{{ 'abcdefghijklmnop' }}{% endfor %}",
       "more than 1000 bytes of output"},
      {"{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}"
       "{% endfor %}",
       "bytes of text"},
      {"{{ ('x' * 999999999999)|length }}", "bytes of text"},
      {"{{ ([1] * 999999999999)|length }}", "bytes of text"},
      {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls more than 50 deep"}};
  for (const auto& [source, what] : cases) {
    const auto failure = failure_of(source, limits);
    EXPECT_EQ(failure.kind, TemplateFailure::Kind::too_large) << source;
    EXPECT_THAT(failure.message, HasSubstr(what)) << source;
  }
}

TEST(ChatTemplate, BoundsHowDeepValuesAndExpressionsAreNested) {
  EXPECT_THAT(failure_of("{% set ns = namespace(l=[]) %}{% for i in range(100) %}"
                         "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}")
                  .message,
              HasSubstr("a list nested too deeply"));
  EXPECT_THAT(failure_of("{% set ns = namespace(l=[]) %}{% for i in range(60) %}"
                         "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}")
                  .message,
              HasSubstr("rendering takes more than"));
  std::string sums = "{{ 1";
  for (int i = 0; i < 200; ++i) sums += " + 1";
  std::string ifs;
  for (int i = 0; i < 10'000; ++i) ifs += "{% if true %}";
  const std::vector<std::string> sources{
      "{{ " + std::string(1000, '(') + "1" + std::string(1000, ')') + " }}",
      "{{ " + std::string(100'000, '-') + "1 }}",
      "{{ " + std::string(1000, '[') + "1" + std::string(1000, ']') + " }}", sums + " }}", ifs};
  for (const auto& source : sources) {
    const auto parsed = ChatTemplate::parse(source);
    ASSERT_FALSE(parsed) << source.substr(0, 40);
    EXPECT_THAT(parsed.error().message, HasSubstr("more than 100 levels"));
  }
}

TEST(ChatTemplate, DoesNotLetVariablesReplaceTheMessages) {
  const auto input = chat_input({{"messages", ChatValue::text("no")},
                                 {"raise_exception", ChatValue::text("no")},
                                 {"extra", ChatValue::integer(5)}});
  EXPECT_EQ(
      rendered("{{ messages[0].content }}{{ raise_exception is callable }}{{ extra }}", input),
      "HiTrue5");
}

TEST(ChatTemplate, FindsNoTimeWhereThereIsNone) {
  auto input = chat_input();
  const std::string_view source =
      "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else "
      "%}none{% endif %}";
  EXPECT_EQ(rendered(source, input), "2024");
  input.format_now = nullptr;
  EXPECT_EQ(rendered(source, input), "none");
  EXPECT_THAT(failure_of("{{ strftime_now('" + std::string(200, 'x') + "') }}").message,
              HasSubstr("a format of at most 128 bytes"));
}

class ChatTemplateDirectory : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    directory_.write(name, content);
  }
  std::string loaded() {
    const auto chat = ChatTemplate::load(directory_.path());
    if (!chat) return "REFUSED " + chat.error().message;
    if (!*chat) return "NONE";
    const auto text = (*chat)->render(chat_input());
    return text ? *text : to_string(text.error());
  }
  tests::TemporaryDirectory directory_;
};

TEST_F(ChatTemplateDirectory, HasATemplateAndTheSpecialTokensBesideIt) {
  write(
      "tokenizer_config.json",
      R"({"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false},"pad_token":null,)"
      R"("chat_template":"{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}"})");
  EXPECT_EQ(loaded(), "<s>Hi</s>");
}

TEST_F(ChatTemplateDirectory, TakesTheDefaultOfSeveralTemplates) {
  write("tokenizer_config.json",
        R"({"chat_template":[{"name":"rag","template":"a"},{"name":"default","template":"b"}]})");
  EXPECT_EQ(loaded(), "b");
  write("tokenizer_config.json", R"({"chat_template":[{"name":"rag","template":"a"}]})");
  EXPECT_THAT(loaded(), HasSubstr("tokenizer_config.json: chat_template: must be a string"));
}

TEST_F(ChatTemplateDirectory, PrefersTheTemplateInAFileOfItsOwn) {
  write("tokenizer_config.json", R"({"bos_token":"<s>","chat_template":"config"})");
  write("chat_template.jinja", "{{ bos_token }}file\n");
  EXPECT_EQ(loaded(), "<s>file");
}

TEST_F(ChatTemplateDirectory, MayHaveNoTemplate) {
  EXPECT_EQ(loaded(), "NONE");
  write("tokenizer_config.json", R"({"chat_template":null})");
  EXPECT_EQ(loaded(), "NONE");
}

TEST_F(ChatTemplateDirectory, NamesTheFileOfATemplateThatCannotBeRead) {
  write("tokenizer_config.json", R"({"chat_template":"\n{% include 'x' %}"})");
  EXPECT_THAT(loaded(), HasSubstr("tokenizer_config.json: chat_template: line 2: the statement"));
  write("tokenizer_config.json", "{");
  EXPECT_THAT(loaded(), HasSubstr("tokenizer_config.json: invalid JSON"));
}

TEST_F(ChatTemplateDirectory, NamesStringsThatEndATurn) {
  write("tokenizer_config.json", R"({"chat_template":"a"})");
  write("generation_config.json", R"({"stop_strings":["\nUser:"]})");
  const auto chat = ChatTemplate::load(directory_.path());
  ASSERT_TRUE(chat && *chat);
  EXPECT_THAT((*chat)->stop_strings(), ElementsAre("\nUser:"));
  write("generation_config.json", R"({"stop_strings":[""]})");
  EXPECT_THAT(loaded(), HasSubstr("generation_config.json: stop_strings: must be"));
}

TEST(ChatTemplate, OfTheDefaultModelIsTheOneItWasTrainedWith) {
  const auto chat = ChatTemplate::load(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(chat && *chat);
  auto input = chat_input();
  input.messages = {{"user", "What is the capital of France?"}};
  EXPECT_EQ((*chat)->render(input).value_or(""),
            "<|endoftext|>User: What is the capital of France?\nAssistant:");
  EXPECT_THAT((*chat)->stop_strings(), ElementsAre("\nUser:"));
}

}  // namespace
}  // namespace cecollm::model
