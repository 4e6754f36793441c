#pragma once
// Tokens that are found in the text as they stand, before anything else happens to it: special
// tokens and what was added to a vocabulary after training. Internal to the tokenizer.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/config.hpp"
#include "model/tokenizer_json.hpp"
#include "model/tokenizer_normalizer.hpp"
#include "model/tokenizer_regex.hpp"
#include "model/tokenizer_vocabulary.hpp"

namespace cecollm::model {

/// Finds the longest of several strings at a position of a text.
class PrefixTree {
 public:
  struct Match {
    std::size_t length;
    TokenId id;
  };

  void insert(std::string_view text, TokenId id);
  bool empty() const { return nodes_.size() == 1; }
  std::optional<Match> longest_prefix_of(std::string_view text) const;
  /// Position of the first byte at or after `position` that one of the strings begins with.
  std::size_t find_first_byte(std::string_view text, std::size_t position) const;

 private:
  struct Node {
    std::vector<std::pair<char, std::size_t>> children;
    std::optional<TokenId> id;
  };
  static std::optional<std::size_t> child(const Node& node, char byte);

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<bool, 256> first_bytes_{};
};

class AddedTokens {
 public:
  /// A stretch of text: an added token, or text to encode where there is no id.
  struct Segment {
    std::size_t begin;
    std::size_t end;
    std::optional<TokenId> id;
  };
  enum class Matching { raw_text, normalized_text };

  /// Takes `added_tokens` and adds them to the vocabulary. Problems go to the view's diagnosis.
  static AddedTokens parse(const JsonView& list, const Normalizer& normalizer,
                           Vocabulary& vocabulary);

  /// A character that no text has (a noncharacter of Unicode). Within a special token it keeps the
  /// token from being found.
  static constexpr std::string_view guard = "\xEF\xB7\x90";  // U+FDD0
  /// `text` with a guard after the first character of each special token in it; guards that it had
  /// before become U+FFFD.
  std::string guarded(std::string_view text) const;

  /// Cuts `text` into segments, leftmost longest token first.
  std::vector<Segment> split(std::string_view text, Matching matching) const;

 private:
  struct Rule {
    bool single_word;
    bool lstrip;
    bool rstrip;
  };
  void add(const JsonView& token, const Normalizer& normalizer, Vocabulary& vocabulary);
  bool is_single_word(std::string_view text, const Segment& segment) const;
  bool is_word_character(std::string_view character) const;

  PrefixTree raw_;
  PrefixTree normalized_;
  PrefixTree special_;  // as they are written, and as they are normalized
  std::unordered_map<TokenId, Rule> rules_;
  std::optional<Regex> word_character_;  // set where a token has to be a word of its own
};

}  // namespace cecollm::model
