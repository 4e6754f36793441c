#include "model/unicode.hpp"

#include <cstdint>

namespace cecollm::model {

namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

struct LeadByte {
  std::size_t length;  // of the character; 0 where no character begins with this byte
  std::uint8_t second_min;
  std::uint8_t second_max;
};

// Table 3-7 of the Unicode Standard: the second byte's range excludes overlong forms, surrogates
// and what lies beyond U+10FFFF.
LeadByte lead_byte(std::uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

std::size_t ascii_prefix(std::string_view bytes) {
  std::size_t length = 0;
  while (length < bytes.size() && byte_at(bytes, length) < 0x80) ++length;
  return length;
}

}  // namespace

Utf8Step next_utf8(std::string_view bytes) {
  const LeadByte lead = lead_byte(byte_at(bytes, 0));
  if (lead.length == 0) return {Utf8Step::Kind::ill_formed, 1};
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Utf8Step::Kind::incomplete, i};
    const std::uint8_t min = i == 1 ? lead.second_min : std::uint8_t{0x80};
    const std::uint8_t max = i == 1 ? lead.second_max : std::uint8_t{0xBF};
    const std::uint8_t byte = byte_at(bytes, i);
    if (byte < min || byte > max) return {Utf8Step::Kind::ill_formed, i};
  }
  return {Utf8Step::Kind::character, lead.length};
}

char32_t code_point(std::string_view bytes) {
  const std::uint8_t lead = byte_at(bytes, 0);
  if (lead < 0x80) return lead;
  const std::size_t length = lead_byte(lead).length;
  char32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) value = value << 6 | (byte_at(bytes, i) & 0x3FU);
  return value;
}

void append_utf8(char32_t code_point, std::string& out) {
  const auto value = static_cast<std::uint32_t>(code_point);
  const auto push = [&out](std::uint32_t byte) {
    out.push_back(static_cast<char>(byte));
  };
  if (value < 0x80) {
    push(value);
  } else if (value < 0x800) {
    push(0xC0 | value >> 6);
    push(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    push(0xE0 | value >> 12);
    push(0x80 | (value >> 6 & 0x3F));
    push(0x80 | (value & 0x3F));
  } else {
    push(0xF0 | value >> 18);
    push(0x80 | (value >> 12 & 0x3F));
    push(0x80 | (value >> 6 & 0x3F));
    push(0x80 | (value & 0x3F));
  }
}

bool is_well_formed_utf8(std::string_view bytes) {
  bytes.remove_prefix(ascii_prefix(bytes));
  while (!bytes.empty()) {
    const Utf8Step step = next_utf8(bytes);
    if (step.kind != Utf8Step::Kind::character) return false;
    bytes.remove_prefix(step.length);
    bytes.remove_prefix(ascii_prefix(bytes));
  }
  return true;
}

std::string to_well_formed_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Step step = next_utf8(bytes);
    text += step.kind == Utf8Step::Kind::character ? bytes.substr(0, step.length)
                                                   : replacement_character;
    bytes.remove_prefix(step.length);
  }
  return text;
}

bool is_white_space(char32_t code_point) {
  switch (code_point) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return (code_point >= 0x09 && code_point <= 0x0D) ||
             (code_point >= 0x2000 && code_point <= 0x200A);
  }
}

}  // namespace cecollm::model
