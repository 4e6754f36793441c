#pragma once
// Regular expressions of tokenizer.json, run by PCRE2 with JIT. The files are written for
// Oniguruma (what Hugging Face tokenizers uses); a pattern is translated where the two engines
// spell a thing differently and refused where they would silently disagree.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.hpp"

// pcre2.h is kept out of this header.
struct pcre2_real_code_8;

namespace cecollm::model {

/// A range of bytes of a searched text.
struct MatchRange {
  std::size_t begin;
  std::size_t end;
  bool operator==(const MatchRange&) const = default;
};

/// Immutable; one object may be used by several threads at once.
class Regex {
 public:
  /// Fails with `malformed` for a pattern that is none and `unsupported` for a construct whose
  /// meaning differs between the engines. The message is a reason without a subject.
  static Result<Regex> compile(std::string_view pattern);
  static Result<Regex> compile_literal(std::string_view text);
  /// A pattern in PCRE2's own spelling; Unicode properties, ^ and $ at lines.
  static Result<Regex> compile_pcre2(std::string_view pattern);

  /// The non-overlapping matches in `text` (well-formed UTF-8) from left to right, appended to
  /// `matches`. An empty match directly behind a match does not count.
  ///
  /// PCRE2 bounds its backtracking. Where a text hits that bound, the matches found so far stand
  /// and the rest of the text counts as unmatched, so that no text is ever lost.
  void find_all(std::string_view text, std::vector<MatchRange>& matches) const;

 private:
  struct Deleter {
    void operator()(pcre2_real_code_8* code) const;
  };
  explicit Regex(pcre2_real_code_8* code) : code_(code) {}
  static Result<Regex> compile_with(std::string_view pattern, unsigned options);
  std::unique_ptr<pcre2_real_code_8, Deleter> code_;
};

/// `pattern` in the spelling that Regex::compile_pcre2 takes.
Result<std::string> translate_oniguruma(std::string_view pattern);

}  // namespace cecollm::model
