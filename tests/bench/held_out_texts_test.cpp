#include "bench/held_out_texts.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using testing::HasSubstr;

class HeldOutTexts : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) const {
    const auto file = directory_.path() / "texts.json";
    std::ofstream(file) << text;
    return file;
  }
  tests::TemporaryDirectory directory_;
};

TEST_F(HeldOutTexts, BeginWithSixtyCharactersUpToAWordsEnd) {
  const std::string words(58, 'x');
  const auto prompts =
      held_out_prompts(write(R"({"tales": [")" + words + R"( yyyy zzzz", "short"]})"));
  ASSERT_TRUE(prompts) << prompts.error().message;
  ASSERT_EQ(prompts->size(), 2U);
  EXPECT_EQ(prompts->front().kind, "tales");
  EXPECT_EQ(prompts->front().text, words + " yyyy");
  EXPECT_EQ(prompts->back().text, "short");
}

TEST_F(HeldOutTexts, ThatAreNoListsOfTextsAreRefused) {
  const auto prompts = held_out_prompts(write(R"({"tales": [3]})"));
  ASSERT_FALSE(prompts);
  EXPECT_THAT(prompts.error().message, HasSubstr("texts.json: 'tales' is no list of texts"));
  EXPECT_FALSE(held_out_prompts(write("{")));
  EXPECT_FALSE(held_out_prompts(directory_.path() / "missing.json"));
}

TEST_F(HeldOutTexts, AsksQuestionsOfThreeKinds) {
  const auto questions =
      held_out_questions(write(R"([{"prompt": "1 + 1?", "answer": "2", "type": "number"},)"
                               R"({"prompt": "Is it?", "answer": "Yes", "type": "yesno"}])"));
  ASSERT_TRUE(questions) << questions.error().message;
  ASSERT_EQ(questions->size(), 2U);
  EXPECT_EQ(questions->front().key, "2");
  EXPECT_EQ(questions->front().kind, AnswerKind::number);
  EXPECT_EQ(questions->back().kind, AnswerKind::yes_no);
}

TEST_F(HeldOutTexts, NamesTheQuestionThatLacksSomething) {
  const auto questions = held_out_questions(
      write(R"([{"prompt": "a", "answer": "b", "type": "contains"}, {"prompt": "a"}])"));
  ASSERT_FALSE(questions);
  EXPECT_THAT(questions.error().message, HasSubstr("question 2 lacks"));
  EXPECT_FALSE(held_out_questions(write(R"([3])")));
}

TEST_F(HeldOutTexts, ReadTheRepositorysOwnFiles) {
  const std::filesystem::path data = CECOLLM_SOURCE_DIR "/bench/data";
  EXPECT_GT(held_out_prompts(data / "val.json")->size(), 200U);
  EXPECT_EQ(held_out_questions(data / "eval.json")->size(), 1998U);
}

}  // namespace
}  // namespace cecollm::bench
