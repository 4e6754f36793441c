#include "model/tokenizer_unicode_form.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include <utf8proc.h>

#include "model/unicode.hpp"

namespace cecollm::model {

namespace {

// No character below U+0300 has a canonical combination to undergo, and none at all below U+0080.
// In UTF-8, U+0300 is the first character with a lead byte of 0xCC.
bool is_already_in_form(std::string_view text, UnicodeForm form) {
  const unsigned char limit = form == UnicodeForm::nfc ? 0xCC : 0x80;
  return std::all_of(text.begin(), text.end(),
                     [limit](char c) { return static_cast<unsigned char>(c) < limit; });
}

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// utf8proc_decompose() orders marks by swapping neighbours, which takes quadratic time on a long
// run of marks; a stable sort of each run gives the same order.
void order_marks(std::vector<utf8proc_int32_t>& code_points) {
  auto position = code_points.begin();
  while (position != code_points.end()) {
    if (combining_class(*position) == 0) {
      ++position;
      continue;
    }
    const auto end = std::find_if(position, code_points.end(), [](utf8proc_int32_t code_point) {
      return combining_class(code_point) == 0;
    });
    std::stable_sort(position, end, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
    position = end;
  }
}

std::vector<utf8proc_int32_t> decompose(std::string_view text, utf8proc_option_t options) {
  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(text.size());
  std::array<utf8proc_int32_t, 32> buffer{};  // the longest decomposition has 18 characters
  while (!text.empty()) {
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point(text)), buffer.data(),
                                static_cast<utf8proc_ssize_t>(buffer.size()), options, nullptr);
    code_points.insert(code_points.end(), buffer.begin(), buffer.begin() + count);
    text.remove_prefix(next_utf8(text).length);
  }
  return code_points;
}

}  // namespace

std::string to_unicode_form(std::string_view text, UnicodeForm form) {
  if (is_already_in_form(text, form)) return std::string(text);
  const bool compatible = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  const bool composed = form == UnicodeForm::nfc || form == UnicodeForm::nfkc;
  const int stable = UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
  std::vector<utf8proc_int32_t> code_points =
      decompose(text, static_cast<utf8proc_option_t>(stable | UTF8PROC_DECOMPOSE));
  order_marks(code_points);
  if (composed) {
    const utf8proc_ssize_t length = utf8proc_normalize_utf32(
        code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
        static_cast<utf8proc_option_t>(stable | UTF8PROC_COMPOSE));
    code_points.resize(static_cast<std::size_t>(length));
  }
  std::string result;
  result.reserve(text.size());
  for (const utf8proc_int32_t code_point : code_points) {
    append_utf8(static_cast<char32_t>(code_point), result);
  }
  return result;
}

}  // namespace cecollm::model
