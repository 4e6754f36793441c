#pragma once
// Text on the wire is valid UTF-8: a peer refuses a frame whose text is not.

#include <cstddef>
#include <string>
#include <string_view>

namespace cecollm::transport {

bool is_valid_utf8(std::string_view text);

/// `text`, with U+FFFD for every byte that is part of no character, cut before the character that
/// would exceed `limit` bytes.
std::string valid_utf8(std::string_view text, std::size_t limit);

}  // namespace cecollm::transport
