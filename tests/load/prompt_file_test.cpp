#include "load/prompt_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> texts(const model::Result<std::vector<FilePrompt>>& prompts) {
  std::vector<std::string> all;
  EXPECT_TRUE(prompts) << prompts.error().message;
  for (const auto& prompt : *prompts) all.push_back(std::get<std::string>(prompt.prompt));
  return all;
}

void expect_refused(const std::string& text, const std::string& name, const std::string& why) {
  const auto prompts = parse_prompts(text, PromptFormat::automatic, name);
  ASSERT_FALSE(prompts) << text;
  EXPECT_EQ(prompts.error().code, model::ErrorCode::malformed);
  EXPECT_THAT(prompts.error().message, testing::StartsWith(name)) << text;
  EXPECT_THAT(prompts.error().message, HasSubstr(why)) << text;
}

TEST(PromptFile, ReadsAPromptALine) {
  EXPECT_THAT(
      texts(parse_prompts("one\r\n\ntwo {\"a\"}\n three", PromptFormat::automatic, "p.txt")),
      ElementsAre("one", "two {\"a\"}", " three"));
}

TEST(PromptFile, ReadsJsonLines) {
  const auto prompts = parse_prompts(
      "{\"prompt\": \"one\", \"output_tokens\": 7}\n\n{\"text\": \"t\\u00e9xt\"}\n"
      "{\"prompt_ids\": [1, 2, 3]}\n",
      PromptFormat::automatic, "p.jsonl");
  ASSERT_TRUE(prompts) << prompts.error().message;
  ASSERT_EQ(prompts->size(), 3U);
  EXPECT_EQ(std::get<std::string>((*prompts)[0].prompt), "one");
  EXPECT_EQ((*prompts)[0].output_tokens, 7);
  EXPECT_EQ(std::get<std::string>((*prompts)[1].prompt), "t\xc3\xa9xt");
  EXPECT_EQ((*prompts)[1].output_tokens, std::nullopt);
  EXPECT_THAT(std::get<std::vector<model::TokenId>>((*prompts)[2].prompt), ElementsAre(1, 2, 3));
}

TEST(PromptFile, ReadsTheFirstTurnsOfShareGpt) {
  const std::string text = R"([
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]},
    {"conversations": [{"from": "gpt", "value": "No question"}, {"from": "human", "value": "?"}]},
    {"conversations": [{"from": "human", "value": "alone"}]},
    {"conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "empty"}]},
    {"conversations": "none"}, 5, {},
    {"conversations": [{"from": "human", "value": 5}, {"from": "gpt", "value": "x"}]},
    {"id": "z", "conversations": [{"from": "human", "value": "Why?"},
                                  {"from": "gpt", "value": "So."}, {"from": "human", "value": "k"}]}
  ])";
  const auto prompts = parse_prompts(text, PromptFormat::automatic, "chats.json");
  EXPECT_THAT(texts(prompts), ElementsAre("Hi", "Why?"));
  EXPECT_EQ((*prompts)[0].completion, "Hello.");
  EXPECT_EQ((*prompts)[1].completion, "So.");
}

TEST(PromptFile, GoesByTheFormatThatIsNamed) {
  EXPECT_THAT(texts(parse_prompts("[1]\n", PromptFormat::lines, "p.json")), ElementsAre("[1]"));
  EXPECT_EQ(prompt_format_from_name("sharegpt"), PromptFormat::sharegpt);
  EXPECT_EQ(prompt_format_from_name("xml"), std::nullopt);
}

TEST(PromptFile, NamesFileAndLineOfWhatItCannotRead) {
  expect_refused("{\"prompt\": \"a\"}\nnonsense\n", "p.jsonl", "p.jsonl:2: the line is no JSON");
  expect_refused("[]\n", "p.jsonl", "p.jsonl:1: the line is no JSON object");
  expect_refused("{\"prompt\": 5}\n", "p.jsonl", "neither prompt nor text nor prompt_ids");
  expect_refused("{\"prompt_ids\": [1, -1]}\n", "p.jsonl", "no list of token ids");
  expect_refused("{\"prompt_ids\": [4294967296]}\n", "p.jsonl", "no list of token ids");
  expect_refused("{\"prompt_ids\": \"1,2\"}\n", "p.jsonl", "no list of token ids");
  expect_refused("{\"prompt\": \"a\", \"output_tokens\": 0}\n", "p.jsonl", "output_tokens");
  expect_refused("{\"prompt\": \"a\", \"output_tokens\": 1e999}\n", "p.jsonl", "no JSON object");
  expect_refused("{}", "p.json", "no JSON list of conversations");
  expect_refused("[", "p.json", "no JSON list of conversations");
}

TEST(PromptFile, RefusesAFileWithoutPrompts) {
  expect_refused("", "p.txt", "holds no prompts");
  expect_refused("\n\r\n", "p.txt", "holds no prompts");
  expect_refused("\n", "p.jsonl", "holds no prompts");
  expect_refused("[]", "p.json", "holds no prompts");
}

TEST(PromptFile, IsReadFromDisk) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.write("prompts.txt", "one\ntwo\n");
  EXPECT_THAT(texts(read_prompts(file, PromptFormat::automatic)), ElementsAre("one", "two"));
  const auto absent = read_prompts(directory.path() / "absent", PromptFormat::automatic);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, model::ErrorCode::unreadable);
}

}  // namespace
}  // namespace cecollm::load
