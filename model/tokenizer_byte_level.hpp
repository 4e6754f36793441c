#pragma once
// The byte alphabet of byte-level BPE (GPT-2's encoder.py): each byte is written as one printable
// character, so that a vocabulary of strings can spell any byte sequence.

#include <cstdint>
#include <string>
#include <string_view>

namespace cecollm::model {

/// The character that stands for a byte, in UTF-8.
std::string_view byte_level_character(std::uint8_t byte);

/// `bytes` spelled in the byte alphabet, appended to `out`.
void append_byte_level(std::string_view bytes, std::string& out);

/// The bytes that `piece` spells, appended to `out`; a piece with any other character stands for
/// itself.
void append_bytes_of(std::string_view piece, std::string& out);

}  // namespace cecollm::model
