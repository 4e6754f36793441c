#pragma once
// UTF-8 one character at a time, with the Unicode Standard's practice for ill-formed sequences
// (chapter 3.9, "U+FFFD Substitution of Maximal Subparts"), which Rust's and Python's decoders
// follow.

#include <cstddef>
#include <string>
#include <string_view>

namespace cecollm::model {

inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";  // U+FFFD

struct Utf8Step {
  enum class Kind {
    character,   // a well-formed character of `length` bytes
    incomplete,  // all that is left, `length` bytes, begins a character that is cut off
    ill_formed,  // `length` bytes that cannot be part of any character
  };
  Kind kind;
  std::size_t length;
};

/// What `bytes`, which must not be empty, begin with.
Utf8Step next_utf8(std::string_view bytes);

/// The code point of the well-formed character that `bytes` begin with.
char32_t code_point(std::string_view bytes);

void append_utf8(char32_t code_point, std::string& out);

bool is_well_formed_utf8(std::string_view bytes);

/// `bytes` with every ill-formed or cut-off sequence replaced by one U+FFFD.
std::string to_well_formed_utf8(std::string_view bytes);

/// Unicode's White_Space property.
bool is_white_space(char32_t code_point);

}  // namespace cecollm::model
