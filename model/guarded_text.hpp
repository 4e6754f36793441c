#pragma once
// Text of other people's within a prompt of ours: special tokens that it spells are ordinary text
// there.

#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"

namespace cecollm::model {

class Tokenizer;

/// `text` fit to be put into one for encode_guarded: no special token is found in it. (One that is
/// a single character cannot be told from that character, and is.) Ill-formed UTF-8 becomes U+FFFD.
std::string guarded(const Tokenizer& tokenizer, std::string_view text);

/// As Tokenizer::encode, of a text parts of which come from guarded().
std::vector<TokenId> encode_guarded(const Tokenizer& tokenizer, std::string_view text,
                                    bool add_special);

}  // namespace cecollm::model
