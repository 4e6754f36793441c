#include "model/tokenizer_pre_tokenizer.hpp"

#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cecollm::model {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

Strings split(SplitBehavior behavior, bool invert = false) {
  // The two stars at the end are two matches.
  const std::vector<MatchRange> matches = {{0, 1}, {3, 4}, {5, 6}, {6, 7}};
  std::vector<std::string_view> parts;
  split_at("*ab*c**", matches, behavior, invert, parts);
  return {parts.begin(), parts.end()};
}

TEST(SplitAt, DoesWithMatchesWhatItIsTold) {
  EXPECT_EQ(split(SplitBehavior::removed), (Strings{"ab", "c"}));
  EXPECT_EQ(split(SplitBehavior::isolated), (Strings{"*", "ab", "*", "c", "*", "*"}));
  EXPECT_EQ(split(SplitBehavior::contiguous), (Strings{"*", "ab", "*", "c", "**"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_previous), (Strings{"*", "ab*", "c*", "*"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_next), (Strings{"*ab", "*c", "*", "*"}));
}

TEST(SplitAt, InvertedTreatsWhatLiesBetweenAsMatches) {
  EXPECT_EQ(split(SplitBehavior::removed, true), (Strings{"*", "*", "*", "*"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_previous, true), (Strings{"*ab", "*c", "*", "*"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_next, true), (Strings{"*", "ab*", "c*", "*"}));
}

TEST(SplitAt, LeavesATextWithoutMatchesWhole) {
  std::vector<std::string_view> parts;
  split_at("abc", {}, SplitBehavior::removed, false, parts);
  split_at("", {}, SplitBehavior::isolated, false, parts);
  EXPECT_EQ(parts, std::vector<std::string_view>{"abc"});
}

Strings words(const json& component, std::string_view text, bool at_start = true) {
  Diagnosis diagnosis{"f", {}};
  const PreTokenizer pre_tokenizer = PreTokenizer::parse(JsonView(component, diagnosis));
  EXPECT_FALSE(diagnosis.error) << diagnosis.error->message;
  std::deque<std::string> storage;
  std::vector<std::string_view> found;
  pre_tokenizer.apply(text, at_start, storage, found);
  return {found.begin(), found.end()};
}

TEST(PreTokenizer, LeavesTextInOnePieceWithoutAComponent) {
  EXPECT_EQ(words(nullptr, "a b"), (Strings{"a b"}));
  EXPECT_EQ(words(nullptr, ""), (Strings{}));
}

TEST(PreTokenizer, CutsAsGpt2Does) {
  const json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  EXPECT_EQ(words(byte_level, "I'll  go, 42\n\nnow"),
            (Strings{"I", "'ll", " ", " go", ",", " 42", "\n", "\n", "now"}));
}

TEST(PreTokenizer, MarksOnlyTheStartOfTheInputWithSchemeFirst) {
  json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}};
  EXPECT_EQ(words(metaspace, "a  b"), (Strings{"▁a", "▁", "▁b"}));
  EXPECT_EQ(words(metaspace, "a b", false), (Strings{"a", "▁b"}));
  const json lines = {{"type", "Split"}, {"pattern", {{"String", "\n"}}}, {"behavior", "Removed"}};
  const json sequence = {{"type", "Sequence"}, {"pretokenizers", {lines, metaspace}}};
  EXPECT_EQ(words(sequence, "a\nb"), (Strings{"▁a", "b"}));
  EXPECT_EQ(words(sequence, "\na\nb"), (Strings{"a", "b"}));
}

TEST(PreTokenizer, NamesWhatItCannotDo) {
  const json byte_level = {{"type", "ByteLevel"}};
  const json digits = {{"type", "Digits"}};
  json deep = byte_level;
  for (int i = 0; i < 20; ++i) {
    deep = json{{"type", "Sequence"}, {"pretokenizers", json::array({deep})}};
  }
  struct Case {
    json component;
    ErrorCode code;
    std::string reason;
  };
  const Case cases[] = {
      {{{"type", "Whitespace"}}, ErrorCode::unsupported, R"(has the type "Whitespace")"},
      {{{"type", 3}}, ErrorCode::malformed, "type should be a string"},
      {json::object(), ErrorCode::malformed, "type is missing"},
      {json("ByteLevel"), ErrorCode::malformed, "should be an object"},
      {{{"type", "Sequence"}, {"pretokenizers", {byte_level, digits}}},
       ErrorCode::unsupported,
       "pretokenizers[1] follows a ByteLevel"},
      {{{"type", "Sequence"}}, ErrorCode::malformed, "pretokenizers should be an array"},
      {deep, ErrorCode::malformed, "nested too deeply"},
      {{{"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}},
       ErrorCode::malformed,
       "pattern.Regex is not a regular expression"},
      {{{"type", "Split"}, {"pattern", {{"Regex", R"(\h)"}}}, {"behavior", "Isolated"}},
       ErrorCode::unsupported,
       R"(pattern.Regex uses \h)"},
      {{{"type", "Split"}, {"pattern", "x"}, {"behavior", "Isolated"}},
       ErrorCode::malformed,
       "pattern should be an object"},
      {{{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Shuffled"}},
       ErrorCode::malformed,
       R"(behavior is "Shuffled", no way to split)"},
      {{{"type", "Metaspace"}, {"replacement", "ab"}}, ErrorCode::malformed, "one character"},
      {{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "last"}},
       ErrorCode::malformed,
       "always, first or never"},
      {{{"type", "Metaspace"},
        {"replacement", "▁"},
        {"prepend_scheme", "first"},
        {"add_prefix_space", false}},
       ErrorCode::malformed,
       "contradicts"},
  };
  for (const Case& each : cases) {
    Diagnosis diagnosis{"f", {}};
    PreTokenizer::parse(JsonView(each.component, diagnosis));
    ASSERT_TRUE(diagnosis.error) << each.reason;
    EXPECT_EQ(diagnosis.error->code, each.code) << each.reason;
    EXPECT_NE(diagnosis.error->message.find(each.reason), std::string::npos)
        << diagnosis.error->message;
  }
}

}  // namespace
}  // namespace cecollm::model
