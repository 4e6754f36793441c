#include "model/tokenizer_added_tokens.hpp"

#include <algorithm>
#include <cstdint>

#include "model/quoting.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {

namespace {

// As \w of Rust's regex, which Hugging Face tokenizers asks for a token's neighbours.
constexpr std::string_view word_character = R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])";

std::string_view first_character(std::string_view text) {
  return text.substr(0, next_utf8(text).length);
}

std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<std::uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

// Begin of the white space that ends at `end`, at most back to `limit`.
std::size_t white_space_before(std::string_view text, std::size_t end, std::size_t limit) {
  while (end > limit) {
    const std::string_view character = last_character(text.substr(0, end));
    if (!is_white_space(code_point(character))) break;
    end -= character.size();
  }
  return std::max(end, limit);
}

std::size_t white_space_after(std::string_view text, std::size_t begin) {
  while (begin < text.size() && is_white_space(code_point(text.substr(begin)))) {
    begin += first_character(text.substr(begin)).size();
  }
  return begin;
}

}  // namespace

void PrefixTree::insert(std::string_view text, TokenId id) {
  std::size_t at = 0;
  for (const char byte : text) {
    if (const auto next = child(nodes_[at], byte)) {
      at = *next;
    } else {
      nodes_[at].children.emplace_back(byte, nodes_.size());
      at = nodes_.size();
      nodes_.emplace_back();
    }
  }
  nodes_[at].id = id;
  first_bytes_[static_cast<std::uint8_t>(text.front())] = true;
}

std::optional<std::size_t> PrefixTree::child(const Node& node, char byte) {
  for (const auto& [label, index] : node.children) {
    if (label == byte) return index;
  }
  return std::nullopt;
}

std::optional<PrefixTree::Match> PrefixTree::longest_prefix_of(std::string_view text) const {
  std::optional<Match> longest;
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto next = child(nodes_[at], text[i]);
    if (!next) break;
    at = *next;
    if (nodes_[at].id) longest = Match{i + 1, *nodes_[at].id};
  }
  return longest;
}

std::size_t PrefixTree::find_first_byte(std::string_view text, std::size_t position) const {
  while (position < text.size() && !first_bytes_[static_cast<std::uint8_t>(text[position])]) {
    ++position;
  }
  return position;
}

AddedTokens AddedTokens::parse(const JsonView& list, const Normalizer& normalizer,
                               Vocabulary& vocabulary) {
  AddedTokens added;
  if (list.is_null()) return added;
  for (std::size_t i = 0; i < list.size() && !list.failed(); ++i) {
    added.add(list.element(i), normalizer, vocabulary);
  }
  return added;
}

void AddedTokens::add(const JsonView& token, const Normalizer& normalizer, Vocabulary& vocabulary) {
  const auto id = static_cast<TokenId>(token.member("id").integer(0, Vocabulary::max_id));
  const std::string content = token.member("content").string();
  const bool special = token.member("special").boolean_or(false);
  const bool normalized = token.member("normalized").boolean_or(!special);
  const Rule rule{token.member("single_word").boolean_or(false),
                  token.member("lstrip").boolean_or(false),
                  token.member("rstrip").boolean_or(false)};
  if (token.failed()) return;
  if (content.empty()) return token.malformed("has no content");
  const std::string in_text = normalized ? normalizer.apply(content) : content;
  if (in_text.empty()) return token.malformed("is normalized to nothing");
  if (!vocabulary.add(id, content, special, in_text)) {
    return token.malformed("gives " + in_quotes(content) + " the id " + std::to_string(id) +
                           ", but that token or that id is taken");
  }
  rules_.emplace(id, rule);
  (normalized ? normalized_ : raw_).insert(in_text, id);
  if (special) {
    special_.insert(content, id);
    special_.insert(in_text, id);
  }
  if (rule.single_word && !word_character_) {
    auto regex = Regex::compile_pcre2(word_character);
    if (regex) word_character_ = std::move(*regex);
  }
}

std::string AddedTokens::guarded(std::string_view text) const {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    const auto found = special_.longest_prefix_of(text);
    result += character == guard ? replacement_character : character;
    if (found && found->length > character.size()) result += guard;
    text.remove_prefix(character.size());
  }
  return result;
}

std::vector<AddedTokens::Segment> AddedTokens::split(std::string_view text,
                                                     Matching matching) const {
  const PrefixTree& tree = matching == Matching::raw_text ? raw_ : normalized_;
  std::vector<Segment> segments;
  std::size_t done = 0;
  std::size_t position = tree.empty() ? text.size() : 0;
  while ((position = tree.find_first_byte(text, position)) < text.size()) {
    const auto match = tree.longest_prefix_of(text.substr(position));
    if (!match) {
      ++position;
      continue;
    }
    Segment found{position, position + match->length, match->id};
    position = found.end;
    const Rule& rule = rules_.at(match->id);
    if (rule.single_word && !is_single_word(text, found)) continue;
    if (rule.lstrip) found.begin = white_space_before(text, found.begin, done);
    if (rule.rstrip) found.end = white_space_after(text, found.end);
    if (found.begin > done) segments.push_back({done, found.begin, std::nullopt});
    segments.push_back(found);
    // The search goes on within stripped white space: a token there is found as well, as Hugging
    // Face tokenizers has it.
    done = found.end;
  }
  if (done < text.size()) segments.push_back({done, text.size(), std::nullopt});
  return segments;
}

bool AddedTokens::is_single_word(std::string_view text, const Segment& segment) const {
  const std::string_view before = text.substr(0, segment.begin);
  const std::string_view after = text.substr(segment.end);
  return (before.empty() || !is_word_character(last_character(before))) &&
         (after.empty() || !is_word_character(first_character(after)));
}

bool AddedTokens::is_word_character(std::string_view character) const {
  std::vector<MatchRange> matches;
  if (word_character_) word_character_->find_all(character, matches);
  return !matches.empty();
}

}  // namespace cecollm::model
