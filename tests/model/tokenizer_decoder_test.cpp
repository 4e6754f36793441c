#include "model/tokenizer_decoder.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cecollm::model {
namespace {

using nlohmann::json;
using Strings = std::vector<std::string>;

/// What each piece gives, and at the end what the end gives.
Strings steps(const json& component, const Strings& pieces) {
  Diagnosis diagnosis{"f", {}};
  const Decoder decoder = Decoder::parse(JsonView(component, diagnosis));
  EXPECT_FALSE(diagnosis.error) << diagnosis.error->message;
  DecoderStream stream(decoder);
  Strings texts;
  for (const std::string& piece : pieces) stream.push(piece, texts.emplace_back());
  stream.finish(texts.emplace_back());
  std::string nothing;
  stream.finish(nothing);
  EXPECT_EQ(nothing, "");
  return texts;
}

json sequence(const json& decoders) {
  return {{"type", "Sequence"}, {"decoders", decoders}};
}
const json byte_level = {{"type", "ByteLevel"}};
const json byte_fallback = {{"type", "ByteFallback"}};
const json fuse = {{"type", "Fuse"}};
json strip(const char* content, int start, int stop) {
  return {{"type", "Strip"}, {"content", content}, {"start", start}, {"stop", stop}};
}

TEST(Decoder, JoinsPiecesWithSpacesWhenThereIsNone) {
  EXPECT_EQ(steps(nullptr, {"a", "b", ""}), (Strings{"a", " b", " ", ""}));
}

TEST(Decoder, ByteLevelWaitsForWholeCharacters) {
  EXPECT_EQ(steps(byte_level, {"aÃ", "©b", "ðŁ", "ĺ", "Ģ"}), (Strings{"a", "éb", "", "", "😀", ""}));
  EXPECT_EQ(steps(byte_level, {"Ã", "a", "ðŁĺ"}), (Strings{"", "\uFFFDa", "", "\uFFFD"}));
  EXPECT_EQ(steps(byte_level, {"ð", "日"}), (Strings{"", "\uFFFD日", ""}));
}

TEST(Decoder, ByteFallbackGivesACharacterWithItsLastByte) {
  EXPECT_EQ(steps(byte_fallback, {"<0xC3>", "<0xA9>", "<0x0A>", "x"}),
            (Strings{"", "é", "\n", "x", ""}));
  EXPECT_EQ(steps(byte_fallback, {"<0xc3>", "<0xa9>"}), (Strings{"", "é", ""}));
}

TEST(Decoder, ByteFallbackReplacesEachByteThatIsPartOfNoCharacter) {
  EXPECT_EQ(steps(byte_fallback, {"<0xF0>", "<0x9F>", "<0x0A>"}),
            (Strings{"", "", "\uFFFD\uFFFD\n", ""}));
  EXPECT_EQ(steps(byte_fallback, {"<0xFF>", "<0xE6>", "x", "<0xE6>", "<0x97>"}),
            (Strings{"\uFFFD", "", "\uFFFDx", "", "", "\uFFFD\uFFFD"}));
}

TEST(Decoder, ByteFallbackLeavesOtherPiecesAlone) {
  EXPECT_EQ(steps(byte_fallback, {"<0x4>", "<0xG0>", "<0x41", "0x0041"}),
            (Strings{"<0x4>", "<0xG0>", "<0x41", "0x0041", ""}));
}

TEST(Decoder, StripsTheWholeTextOnlyOnceItIsFused) {
  EXPECT_EQ(steps(sequence({fuse, strip(" ", 1, 0)}), {"", " ", " a", " b"}),
            (Strings{"", "", " a", " b", ""}));
  EXPECT_EQ(steps(strip(" ", 1, 1), {" ", "  a  ", "b "}), (Strings{"", " a ", "b", ""}));
}

TEST(Decoder, HoldsBackWhatMayTurnOutToBeTheEnd) {
  EXPECT_EQ(steps(sequence({fuse, strip(".", 0, 2)}), {"a.", "..", ".b", "."}),
            (Strings{"a", ".", "...b", "", ""}));
}

TEST(Decoder, MetaspaceDropsTheMarksOfTheFirstPiece) {
  const json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}};
  EXPECT_EQ(steps(metaspace, {"▁a", "▁b▁"}), (Strings{"a", " b ", ""}));
  const json never = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "never"}};
  EXPECT_EQ(steps(never, {"▁a", "▁b"}), (Strings{" a", " b", ""}));
}

TEST(Decoder, ReplacesWithinEachPiece) {
  const json replace = {{"type", "Replace"}, {"pattern", {{"Regex", "_+"}}}, {"content", " "}};
  EXPECT_EQ(steps(replace, {"a_", "__b"}), (Strings{"a ", " b", ""}));
}

TEST(Decoder, NamesWhatItCannotDo) {
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"type", "WordPiece"}}, R"(has the type "WordPiece")"},
      {sequence({fuse, byte_fallback}), "behind Fuse or ByteLevel"},
      {sequence({byte_level, byte_level}), "behind Fuse or ByteLevel"},
      {strip("ab", 1, 0), "one character"},
      {strip("", 1, 0), "one character"},
      {strip(" ", -1, 0), "start is -1"},
      {{{"type", "Replace"}, {"content", " "}}, "either String or Regex"},
      {{{"type", "Replace"}, {"pattern", {{"String", "a"}}}}, "content is missing"},
      {sequence("x"), "decoders should be an array"},
  };
  for (const auto& [component, reason] : cases) {
    Diagnosis diagnosis{"f", {}};
    Decoder::parse(JsonView(component, diagnosis));
    ASSERT_TRUE(diagnosis.error) << reason;
    EXPECT_NE(diagnosis.error->message.find(reason), std::string::npos) << diagnosis.error->message;
  }
}

}  // namespace
}  // namespace cecollm::model
