#include "model/quoting.hpp"

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

TEST(Quoting, KeepsPrintableTextAndShowsEveryOtherByteInHexadecimal) {
  EXPECT_EQ(in_quotes("model.norm.weight"), "\"model.norm.weight\"");
  EXPECT_EQ(in_quotes(""), "\"\"");
  EXPECT_EQ(in_quotes("a\n\x1b[2J\"\\\x7f\xc3\xa4"), R"("a\x0a\x1b[2J\x22\x5c\x7f\xc3\xa4")");
  EXPECT_EQ(in_quotes(std::string_view("\0b", 2)), R"("\x00b")");
}

TEST(Quoting, CutsLongText) {
  EXPECT_EQ(in_quotes(std::string(80, 'x')), "\"" + std::string(80, 'x') + "\"");
  EXPECT_EQ(in_quotes(std::string(81, 'x')), "\"" + std::string(80, 'x') + "…\"");
}

}  // namespace
}  // namespace cecollm::model
