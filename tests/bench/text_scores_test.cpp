#include "bench/text_scores.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(WordsOf, ArePartedByWhatIsNoLetterAndInLowerCase) {
  EXPECT_THAT(words_of("\"It's 3 o'clock,\" Zoë said."),
              ElementsAre("it", "s", "3", "o", "clock", "zoë", "said"));
  EXPECT_THAT(words_of(" .,; "), IsEmpty());
}

TEST(RougeL, IsTheHarmonicMeanOverTheLongestCommonSubsequence) {
  // Lin (2004), section 3: "police killed the gunman" against "police kill the gunman" share
  // police, the, gunman: 3 of 4 either way. Against "the gunman kill police" they share two.
  EXPECT_DOUBLE_EQ(rouge_l("police kill the gunman", "police killed the gunman"), 0.75);
  EXPECT_DOUBLE_EQ(rouge_l("the gunman kill police", "police killed the gunman"), 0.5);
  // Two words of two and of six: precision 1, recall 1/3.
  EXPECT_DOUBLE_EQ(rouge_l("the mat", "the cat sat on the mat"), 0.5);
}

TEST(RougeL, IsOneForTheSameTextAndZeroForAnother) {
  EXPECT_DOUBLE_EQ(rouge_l("Once upon a time", "once upon a time."), 1);
  EXPECT_DOUBLE_EQ(rouge_l("fish", "bird"), 0);
}

TEST(RougeL, KnowsTextsWithoutWords) {
  EXPECT_DOUBLE_EQ(rouge_l("", ""), 1);
  EXPECT_DOUBLE_EQ(rouge_l("", "word"), 0);
  EXPECT_DOUBLE_EQ(rouge_l("word", " "), 0);
}

TEST(IsRight, FindsTheKeyAsWholeWordsInTheAnswer) {
  const auto kind = AnswerKind::contains;
  EXPECT_TRUE(is_right(" The capital of Jamaica is Kingston.", "Kingston", kind));
  EXPECT_TRUE(is_right("It lies in South America.", "South America", kind));
  EXPECT_TRUE(is_right("They are mammals.", "mammal", kind));
  EXPECT_FALSE(is_right("The opposite is dishonest.", "honest", kind));
  EXPECT_FALSE(is_right("It lies south of America.", "South America", kind));
  EXPECT_FALSE(is_right("", "Kingston", kind));
}

TEST(IsRight, LooksForYesOrNoAtTheBeginning) {
  EXPECT_TRUE(is_right(" Yes, it does.", "Yes", AnswerKind::yes_no));
  EXPECT_FALSE(is_right("No. Yes.", "Yes", AnswerKind::yes_no));
  EXPECT_FALSE(is_right("", "No", AnswerKind::yes_no));
}

TEST(IsRight, TakesTheLastNumberOfTheFirstSentence) {
  EXPECT_TRUE(is_right(" 6 + 8 is 14.\nUser: 15", "14", AnswerKind::number));
  EXPECT_FALSE(is_right("6 + 8 is 140.", "14", AnswerKind::number));
  EXPECT_FALSE(is_right("It is fourteen.", "14", AnswerKind::number));
}

}  // namespace
}  // namespace cecollm::bench
