#include "model/tokenizer_regex.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/unicode.hpp"

namespace cecollm::model {

void Regex::Deleter::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}

Result<Regex> Regex::compile(std::string_view pattern) {
  auto translated = translate_oniguruma(pattern);
  if (!translated) return tl::unexpected(translated.error());
  return compile_pcre2(*translated);
}

Result<Regex> Regex::compile_pcre2(std::string_view pattern) {
  // PCRE2's own bound on the interpreter's memory is 20 GB.
  return compile_with("(*LIMIT_HEAP=65536)" + std::string(pattern),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE);
}

Result<Regex> Regex::compile_literal(std::string_view text) {
  return compile_with(text, PCRE2_UTF | PCRE2_LITERAL);
}

Result<Regex> Regex::compile_with(std::string_view pattern, unsigned options) {
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error_code = 0;
  PCRE2_SIZE error_offset = 0;
  // PCRE2 works on unsigned char.
  const auto* text = reinterpret_cast<PCRE2_SPTR>(pattern.data());
  pcre2_code* code =
      pcre2_compile(text, pattern.size(), options, &error_code, &error_offset, context.get());
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> reason{};
    pcre2_get_error_message(error_code, reason.data(), reason.size());
    return fail(ErrorCode::malformed, std::string("is not a regular expression: ") +
                                          reinterpret_cast<const char*>(reason.data()));
  }
  // Without JIT on this machine matching is slower, not different.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Regex(code);
}

void Regex::find_all(std::string_view text, std::vector<MatchRange>& matches) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(data.get());
  std::size_t position = 0;
  bool behind_match = false;
  while (position <= text.size()) {
    int count = pcre2_match(code_.get(), subject, text.size(), position, PCRE2_NO_UTF_CHECK,
                            data.get(), nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter has a larger, heap-based limit
      count = pcre2_match(code_.get(), subject, text.size(), position,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(), nullptr);
    }
    if (count < 0) return;
    const MatchRange match{found[0], found[1]};
    if (match.begin == match.end && behind_match && match.end == matches.back().end) {
      position += position < text.size() ? next_utf8(text.substr(position)).length : 1;
      continue;
    }
    matches.push_back(match);
    behind_match = true;
    position = match.end;
  }
}

}  // namespace cecollm::model
