#include "model/tokenizer_unicode_form.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/model/tokenizer_files.hpp"

namespace cecollm::model {
namespace {

TEST(UnicodeForm, ComposesAndDecomposes) {
  EXPECT_EQ(to_unicode_form("e\u0301 A\u030A", UnicodeForm::nfc), "\u00E9 \u00C5");
  EXPECT_EQ(to_unicode_form("\u00E9 \u212B", UnicodeForm::nfd), "e\u0301 A\u030A");
  EXPECT_EQ(to_unicode_form("\u212B", UnicodeForm::nfc), "\u00C5");
  EXPECT_EQ(to_unicode_form("\u1112\u1161\u11AB", UnicodeForm::nfc), "\uD55C");
  EXPECT_EQ(to_unicode_form("\uD55C", UnicodeForm::nfd), "\u1112\u1161\u11AB");
}

TEST(UnicodeForm, KeepsExcludedCompositionsApart) {
  EXPECT_EQ(to_unicode_form("\u0958", UnicodeForm::nfc), "\u0915\u093C");
}

TEST(UnicodeForm, FoldsCompatibilityCharactersOnlyWhenAsked) {
  EXPECT_EQ(to_unicode_form("\uFB01 \u2167 \u00B2", UnicodeForm::nfkc), "fi VIII 2");
  EXPECT_EQ(to_unicode_form("\uFB01\u00E9", UnicodeForm::nfkd), "fie\u0301");
  EXPECT_EQ(to_unicode_form("\uFB01 \u2167 \u00B2", UnicodeForm::nfc), "\uFB01 \u2167 \u00B2");
}

TEST(UnicodeForm, OrdersMarksByClassAndKeepsTheOrderWithinAClass) {
  EXPECT_EQ(to_unicode_form("q\u0307\u0323\u0301", UnicodeForm::nfd), "q\u0323\u0307\u0301");
  EXPECT_EQ(to_unicode_form("a\u0323\u0301", UnicodeForm::nfc), "\u1EA1\u0301");
  EXPECT_EQ(to_unicode_form("\u0301\u0316", UnicodeForm::nfc), "\u0316\u0301");
}

TEST(UnicodeForm, TakesLongRunsOfMarksInItsStride) {
  constexpr int pairs = 300000;
  std::string text = "a";
  std::string low;
  std::string high;
  for (int i = 0; i < pairs; ++i) {
    text += "\u0302\u0316";
    low += "\u0316";
    high += "\u0302";
  }
  EXPECT_TRUE(to_unicode_form(text, UnicodeForm::nfd) == "a" + low + high);
}

TEST(UnicodeForm, IsStableAndTheFormsAgree) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = tests::random_text(random, 12);
    const std::string nfc = to_unicode_form(text, UnicodeForm::nfc);
    const std::string nfd = to_unicode_form(text, UnicodeForm::nfd);
    ASSERT_EQ(to_unicode_form(nfc, UnicodeForm::nfc), nfc);
    ASSERT_EQ(to_unicode_form(nfd, UnicodeForm::nfc), nfc);
    ASSERT_EQ(to_unicode_form(nfc, UnicodeForm::nfd), nfd);
    ASSERT_EQ(to_unicode_form(to_unicode_form(text, UnicodeForm::nfkd), UnicodeForm::nfkc),
              to_unicode_form(text, UnicodeForm::nfkc));
  }
}

}  // namespace
}  // namespace cecollm::model
