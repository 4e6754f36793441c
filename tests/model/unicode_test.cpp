#include "model/unicode.hpp"

#include <string>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

using Kind = Utf8Step::Kind;

TEST(Unicode, RoundTripsEveryScalarValue) {
  for (char32_t value = 0; value < 0x110000; ++value) {
    if (value == 0xD800) value = 0xE000;
    std::string bytes;
    append_utf8(value, bytes);
    const Utf8Step step = next_utf8(bytes);
    ASSERT_EQ(step.kind, Kind::character);
    ASSERT_EQ(step.length, bytes.size());
    ASSERT_EQ(code_point(bytes), value);
  }
}

TEST(Unicode, SeesNoCharacterInIllFormedBytes) {
  for (const std::string bytes :
       {"\x80", "\xBF!", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE2\x82(", "\xF0\x9F\x98("}) {
    EXPECT_EQ(next_utf8(bytes).kind, Kind::ill_formed) << testing::PrintToString(bytes);
    EXPECT_FALSE(is_well_formed_utf8("a" + bytes));
  }
}

TEST(Unicode, TellsCutOffFromIllFormed) {
  for (const std::string bytes : {"\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F", "\xF0\x9F\x98"}) {
    EXPECT_EQ(next_utf8(bytes).kind, Kind::incomplete) << testing::PrintToString(bytes);
    EXPECT_EQ(next_utf8(bytes).length, bytes.size());
  }
}

// Table 3-11 of the Unicode Standard 15.
TEST(Unicode, ReplacesEachMaximalSubpart) {
  EXPECT_EQ(to_well_formed_utf8("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  EXPECT_EQ(to_well_formed_utf8("x\xE2\x82"), "x\uFFFD");
  EXPECT_EQ(to_well_formed_utf8("日本"), "日本");
}

TEST(Unicode, KnowsWhiteSpace) {
  int count = 0;
  for (char32_t value = 0; value < 0x110000; ++value) count += is_white_space(value) ? 1 : 0;
  EXPECT_EQ(count, 25);  // PropList.txt
  EXPECT_TRUE(is_white_space(U'\u3000'));
  EXPECT_FALSE(is_white_space(U'\u200B'));
  EXPECT_FALSE(is_white_space(U'\u180E'));
}

}  // namespace
}  // namespace cecollm::model
