#pragma once
// Unicode normalization forms (Unicode Standard Annex #15) by utf8proc's tables.
// Internal to the tokenizer.

#include <string>
#include <string_view>

namespace cecollm::model {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

/// `text` must be well-formed UTF-8. Linear in its length, up to the sorting of combining marks.
std::string to_unicode_form(std::string_view text, UnicodeForm form);

}  // namespace cecollm::model
