#include "model/tokenizer_byte_level.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "model/unicode.hpp"

namespace cecollm::model {
namespace {

TEST(ByteLevel, GivesEachByteAPrintableCharacterOfItsOwn) {
  std::set<std::string> characters;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character(byte_level_character(static_cast<std::uint8_t>(byte)));
    EXPECT_EQ(next_utf8(character).length, character.size());
    const char32_t value = code_point(character);
    EXPECT_TRUE(value > 0x20 && value != 0x7F && !(value >= 0x80 && value <= 0xA0)) << byte;
    characters.insert(character);
    all += static_cast<char>(byte);
  }
  EXPECT_EQ(characters.size(), 256U);
  std::string spelled;
  append_byte_level(all, spelled);
  std::string bytes;
  append_bytes_of(spelled, bytes);
  EXPECT_EQ(bytes, all);
}

TEST(ByteLevel, SpellsAsGpt2Does) {
  std::string spelled;
  append_byte_level("Hi you\n\xC3\xA9\x7F\xAD", spelled);
  EXPECT_EQ(spelled, "HiĠyouĊÃ©ġŃ");
}

TEST(ByteLevel, LeavesAForeignPieceAsItIs) {
  std::string bytes = "x";
  append_bytes_of("Ġ日", bytes);
  EXPECT_EQ(bytes, "xĠ日");
}

}  // namespace
}  // namespace cecollm::model
