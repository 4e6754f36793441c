#include "transport/utf8.hpp"

#include <gtest/gtest.h>

namespace cecollm::transport {
namespace {

TEST(Utf8, KnowsWellFormedText) {
  for (const char* text : {"", "plain", "é", "語", "🦙", "\x7f", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  }
}

TEST(Utf8, KnowsIllFormedText) {
  for (const char* text : {
           "\x80",              // a continuation alone
           "a\xC3",             // cut short
           "\xE8\xAA",          // cut short
           "\xF0\x9F\xA6",      // cut short
           "\xC0\x80",          // overlong
           "\xC1\xBF",          // overlong
           "\xE0\x9F\xBF",      // overlong
           "\xF0\x8F\xBF\xBF",  // overlong
           "\xED\xA0\x80",      // a surrogate
           "\xF4\x90\x80\x80",  // above U+10FFFF
           "\xF5\x80\x80\x80",  // above U+10FFFF
           "\xFF",
           "\xC3(",  // no continuation
           "\xE8(\xAA",
           "\xF0\x9F(\xA6",
       }) {
    EXPECT_FALSE(is_valid_utf8(text)) << text;
    const auto repaired = valid_utf8(text, 100);
    EXPECT_TRUE(is_valid_utf8(repaired));
    EXPECT_NE(repaired.find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(Utf8, CutsBeforeTheCharacterThatDoesNotFit) {
  EXPECT_EQ(valid_utf8("aé", 3), "aé");
  EXPECT_EQ(valid_utf8("aé", 2), "a");
  EXPECT_EQ(valid_utf8("🦙x", 3), "");
  EXPECT_EQ(valid_utf8("\xFF", 2), "");
  EXPECT_EQ(valid_utf8("a\xFFz", 5), "a\xEF\xBF\xBDz");
}

}  // namespace
}  // namespace cecollm::transport
