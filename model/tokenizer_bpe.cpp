#include "model/tokenizer_bpe.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/quoting.hpp"
#include "model/tokenizer_byte_level.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {

namespace {

// SentencePiece's mark for a space, U+2581.
constexpr std::string_view space_mark = "\xE2\x96\x81";

std::string hexadecimal_piece(unsigned byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return std::string("<0x") + digits[byte >> 4] + digits[byte & 15] + ">";
}

// Position of the first space mark behind another character.
std::size_t find_inner_mark(std::string_view text) {
  std::size_t position = 0;
  while (text.substr(position, space_mark.size()) == space_mark) position += space_mark.size();
  return text.find(space_mark, position);
}

struct MergePair {
  std::string_view left;
  std::string_view right;
};

// "a b", or ["a", "b"] in newer files.
std::optional<MergePair> merge_pair(const nlohmann::json& merge) {
  if (const auto* text = merge.get_ptr<const std::string*>()) {
    const std::size_t space = text->find(' ');
    if (space == std::string::npos || text->find(' ', space + 1) != std::string::npos) {
      return std::nullopt;
    }
    const std::string_view whole(*text);
    return MergePair{whole.substr(0, space), whole.substr(space + 1)};
  }
  if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
    return std::nullopt;
  }
  return MergePair{merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
}

bool is_version_line(const nlohmann::json& merge) {
  const auto* text = merge.get_ptr<const std::string*>();
  return text != nullptr && text->starts_with("#version");
}

}  // namespace

Bpe Bpe::parse(const JsonView& model, const Vocabulary& vocabulary, bool byte_level) {
  Bpe bpe;
  bpe.byte_level_ = byte_level;
  if (!model.member("dropout").is_null()) {
    model.member("dropout").unsupported("makes encoding random, which is not implemented");
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const JsonView given = model.member(affix);
    if (!given.is_null() && !given.string().empty()) given.unsupported("is not implemented");
  }
  const JsonView unk = model.member("unk_token");
  if (!unk.is_null()) {
    bpe.unk_ = vocabulary.find(unk.string());
    if (!bpe.unk_)
      unk.malformed("names " + in_quotes(unk.string()) + ", which is not in the vocabulary");
  }
  bpe.fuse_unk_ = model.member("fuse_unk").boolean_or(false);
  bpe.ignore_merges_ = model.member("ignore_merges").boolean_or(false);
  bpe.byte_fallback_ids_.fill(none);
  if (model.member("byte_fallback").boolean_or(false)) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      bpe.byte_fallback_ids_[byte] = vocabulary.find(hexadecimal_piece(byte)).value_or(none);
    }
  }
  bpe.find_byte_ids(vocabulary);
  bpe.parse_merges(model.member("merges"), vocabulary);
  return bpe;
}

void Bpe::find_byte_ids(const Vocabulary& vocabulary) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto piece = byte_level_character(static_cast<std::uint8_t>(byte));
    byte_ids_[byte] = vocabulary.find(piece).value_or(none);
  }
}

void Bpe::parse_merges(const JsonView& merges, const Vocabulary& vocabulary) {
  const std::size_t count = merges.size();
  merges_ = MergeTable(count);
  // Where no merge joins a mark to what stands before it, each mark begins a new word. Unknown
  // characters must leave a symbol, or a mark could come to stand behind an earlier one.
  const bool complete_bytes = std::find(byte_fallback_ids_.begin(), byte_fallback_ids_.end(),
                                        none) == byte_fallback_ids_.end();
  marks_begin_words_ = !byte_level_ && !ignore_merges_ && (unk_ || complete_bytes) &&
                       vocabulary.find(space_mark).has_value();
  std::uint32_t rank = 0;
  std::string result;
  for (std::size_t i = 0; i < count; ++i) {
    const nlohmann::json& merge = merges.value()[i];
    if (is_version_line(merge)) continue;
    const auto pair = merge_pair(merge);
    if (!pair) return merges.element(i).malformed("should be two pieces");
    result.assign(pair->left).append(pair->right);
    std::array<TokenId, 3> ids{};
    std::size_t known = 0;
    for (const std::string_view piece : {pair->left, pair->right, std::string_view(result)}) {
      const auto id = vocabulary.find(piece);
      if (!id) {
        return merges.element(i).malformed("needs the token " + in_quotes(piece) +
                                           ", which is not in the vocabulary");
      }
      ids[known++] = *id;
    }
    merges_.insert(ids[0], ids[1], Merge{rank++, ids[2]});
    if (find_inner_mark(result) != std::string::npos) marks_begin_words_ = false;
  }
}

void Bpe::encode(std::string_view text, const Vocabulary& vocabulary, BpeScratch& scratch,
                 std::vector<TokenId>& ids) const {
  if (ignore_merges_) {
    if (const auto id = whole_word(text, vocabulary, scratch)) {
      ids.push_back(*id);
      return;
    }
  }
  while (marks_begin_words_) {
    const std::size_t length = find_inner_mark(text);
    if (length == std::string_view::npos) break;
    encode_word(text.substr(0, length), vocabulary, scratch, ids);
    text.remove_prefix(length);
  }
  encode_word(text, vocabulary, scratch, ids);
}

std::optional<TokenId> Bpe::whole_word(std::string_view word, const Vocabulary& vocabulary,
                                       BpeScratch& scratch) const {
  if (!byte_level_) return vocabulary.find(word);
  scratch.spelling.clear();
  append_byte_level(word, scratch.spelling);
  return vocabulary.find(scratch.spelling);
}

void Bpe::encode_word(std::string_view word, const Vocabulary& vocabulary, BpeScratch& scratch,
                      std::vector<TokenId>& ids) const {
  scratch.symbols.clear();
  if (!byte_level_) {
    character_symbols(word, vocabulary, scratch.symbols);
  } else if (!byte_symbols(word, scratch.symbols)) {
    scratch.symbols.clear();
    scratch.spelling.clear();
    append_byte_level(word, scratch.spelling);
    character_symbols(scratch.spelling, vocabulary, scratch.symbols);
  }
  apply_merges(merges_, scratch);
  ids.insert(ids.end(), scratch.symbols.begin(), scratch.symbols.end());
}

bool Bpe::byte_symbols(std::string_view word, std::vector<TokenId>& symbols) const {
  for (const char byte : word) {
    const TokenId id = byte_ids_[static_cast<std::uint8_t>(byte)];
    if (id == none) return false;
    symbols.push_back(id);
  }
  return true;
}

void Bpe::character_symbols(std::string_view word, const Vocabulary& vocabulary,
                            std::vector<TokenId>& symbols) const {
  // Unknown characters wait for their successor, which may be fused with them. As in Hugging Face
  // tokenizers, only a known character or another unknown one ends the wait, bytes do not.
  bool unknown_waits = false;
  while (!word.empty()) {
    const std::string_view character = word.substr(0, next_utf8(word).length);
    word.remove_prefix(character.size());
    if (const auto id = vocabulary.find(character)) {
      if (unknown_waits) symbols.push_back(*unk_);
      unknown_waits = false;
      symbols.push_back(*id);
    } else if (!fall_back_to_bytes(character, symbols) && unk_) {
      if (unknown_waits && !fuse_unk_) symbols.push_back(*unk_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) symbols.push_back(*unk_);
}

bool Bpe::fall_back_to_bytes(std::string_view character, std::vector<TokenId>& symbols) const {
  for (const char byte : character) {
    if (byte_fallback_ids_[static_cast<std::uint8_t>(byte)] == none) return false;
  }
  for (const char byte : character) {
    symbols.push_back(byte_fallback_ids_[static_cast<std::uint8_t>(byte)]);
  }
  return true;
}

}  // namespace cecollm::model
