#include "model/tokenizer_regex.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(tests::succeeded(regex));
  std::vector<MatchRange> ranges;
  if (regex) regex->find_all(text, ranges);
  std::vector<std::string> found;
  for (const MatchRange& range : ranges) {
    found.emplace_back(text.substr(range.begin, range.end - range.begin));
  }
  return found;
}

using Strings = std::vector<std::string>;

TEST(TokenizerRegex, FindsWordsOfAnyScript) {
  EXPECT_EQ(matches(R"(\p{L}+)", "naïve 日本 42"), (Strings{"naïve", "日本"}));
  EXPECT_EQ(matches(R"(\s+(?!\S)|\s+)", "a   b "), (Strings{"  ", " ", " "}));
  EXPECT_EQ(matches(R"((?i:'s|'ll))", "it'S we'LL 'ſ"), (Strings{"'S", "'LL", "'ſ"}));
}

TEST(TokenizerRegex, TakesWhiteSpaceAndWordCharactersAsOnigurumaDoes) {
  EXPECT_EQ(matches(R"(\s)", "\u180E\u3000\u0085\u200B"), (Strings{"\u3000", "\u0085"}));
  EXPECT_EQ(matches(R"([\s])", "\u180E\u3000"), (Strings{"\u3000"}));
  EXPECT_EQ(matches(R"(\S+)", "a\u180Eb c"), (Strings{"a\u180Eb", "c"}));
  EXPECT_EQ(matches(R"(\w+)", "a\u0301_b‿1²-ⓐ⁴"), (Strings{"a\u0301_b‿1²", "ⓐ"}));
  EXPECT_EQ(matches(R"([\w]+)", "1²x"), (Strings{"1", "x"}));
  EXPECT_EQ(matches(R"(\W+)", "a -²b"), (Strings{" -"}));
}

TEST(TokenizerRegex, ReadsScriptNamesAsScripts) {
  // U+3001 is used with Han, and so has it among its Script_Extensions; its Script is Common.
  EXPECT_EQ(matches(R"(\p{Han}+)", "日、本"), (Strings{"日", "本"}));
  EXPECT_EQ(matches(R"(\P{Han}+)", "日、本"), (Strings{"、"}));
  EXPECT_EQ(matches(R"([\p{Han}\p{Lu}]+)", "日、A本b"), (Strings{"日", "A本"}));
}

TEST(TokenizerRegex, ReadsHexadecimalEscapesAndAnchorsOfLines) {
  EXPECT_EQ(matches("\\u65e5|\\x41|\\x{672C}", "日A本x"), (Strings{"日", "A", "本"}));
  EXPECT_EQ(matches("^a|b$", "a\nab\nb"), (Strings{"a", "a", "b", "b"}));
  EXPECT_EQ(matches(".+", "a\rb\nc"), (Strings{"a\rb", "c"}));
}

TEST(TokenizerRegex, CountsNoEmptyMatchDirectlyBehindAMatch) {
  EXPECT_EQ(matches("[0-9]*", "1é2"), (Strings{"1", "2"}));
  EXPECT_EQ(matches("[0-9]*", "é1"), (Strings{"", "1"}));
  EXPECT_EQ(matches("(?=[A-Z])", "aBC"), (Strings{"", ""}));
  EXPECT_EQ(matches("x*", ""), (Strings{""}));
}

TEST(TokenizerRegex, TakesALiteralLiterally) {
  const auto regex = Regex::compile_literal("a.[");
  ASSERT_TRUE(tests::succeeded(regex));
  std::vector<MatchRange> ranges;
  regex->find_all("aa.[a.[", ranges);
  EXPECT_EQ(ranges, (std::vector<MatchRange>{{1, 4}, {4, 7}}));
}

TEST(TokenizerRegex, RefusesWhatIsNoExpression) {
  for (const char* pattern :
       {"(", "[a", "a{2,1}", "*", R"(\p{Nonsense})", R"(\p{L)", "\\", R"(\u12)", "(?!", "(?"}) {
    const auto regex = Regex::compile(pattern);
    EXPECT_FALSE(regex) << pattern;
  }
  EXPECT_TRUE(fails_with(Regex::compile("(a"), ErrorCode::malformed,
                         {"is not a regular expression", "parenthesis"}));
}

TEST(TokenizerRegex, RefusesWhatTheEnginesReadDifferently) {
  for (const char* pattern : {R"(\h)", R"(\b)", R"(\Z)", R"(\R)", R"((a)\1)", R"([^\S])", R"([\W])",
                              "[a[b]]", "[a&&b]", "[]a]", "[^]a]", "a(?i)b", "(?m:a)", "(?<name>a)",
                              "(?#x)", "a{2}+", "a{,2}", R"(\p{^L})", R"([[:alpha:]])"}) {
    EXPECT_TRUE(fails_with(Regex::compile(pattern), ErrorCode::unsupported, {"uses"})) << pattern;
  }
}

TEST(TokenizerRegex, LeavesTheRestUnmatchedWhereBacktrackingHasNoEnd) {
  const std::string text = "ab" + std::string(5000, 'a') + " ab";
  EXPECT_EQ(matches("(?:a+)+[bc]", text), (Strings{"ab"}));
}

TEST(TokenizerRegex, MatchesLongRepetitionsOfAGroup) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "ab";
  EXPECT_EQ(matches("(?:ab|ba|[cd]e)+", text), (Strings{text}));
}

}  // namespace
}  // namespace cecollm::model
