#include "model/tokenizer_byte_level.hpp"

#include <array>
#include <cstddef>

#include "model/unicode.hpp"

namespace cecollm::model {

namespace {

bool stands_for_itself(std::uint8_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  static constexpr std::size_t code_points = 256 + 68;  // 68 bytes do not stand for themselves
  std::array<std::string, 256> characters;
  std::array<int, code_points> bytes{};  // -1 where a code point stands for none

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t code_point =
          stands_for_itself(static_cast<std::uint8_t>(byte)) ? char32_t{byte} : next++;
      append_utf8(code_point, characters[byte]);
      bytes[code_point] = static_cast<int>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_level_character(std::uint8_t byte) {
  return alphabet().characters[byte];
}

void append_byte_level(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) out += byte_level_character(static_cast<std::uint8_t>(byte));
}

void append_bytes_of(std::string_view piece, std::string& out) {
  const std::size_t start = out.size();
  for (std::string_view rest = piece; !rest.empty(); rest.remove_prefix(next_utf8(rest).length)) {
    const char32_t character = code_point(rest);
    const int byte = character < Alphabet::code_points ? alphabet().bytes[character] : -1;
    if (byte < 0) {
      out.replace(start, std::string::npos, piece);
      return;
    }
    out.push_back(static_cast<char>(byte));
  }
}

}  // namespace cecollm::model
