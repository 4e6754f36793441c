#pragma once
// Byte pair encoding of one word at a time. Internal to the tokenizer.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/tokenizer_json.hpp"
#include "model/tokenizer_merges.hpp"
#include "model/tokenizer_vocabulary.hpp"

namespace cecollm::model {

/// Memory that encoding reuses from word to word; one per call and thread.
struct BpeScratch {
  std::vector<TokenId> symbols;
  std::vector<const Merge*> merges;
  std::string spelling;
};

class Bpe {
 public:
  /// Takes `model` with the vocabulary read from it. `byte_level`: words are spelled in the byte
  /// alphabet. Problems go to the view's diagnosis.
  static Bpe parse(const JsonView& model, const Vocabulary& vocabulary, bool byte_level);

  /// Appends the ids of `text`, which is one word after pre-tokenization. Time is
  /// O(n log n) in its length.
  void encode(std::string_view text, const Vocabulary& vocabulary, BpeScratch& scratch,
              std::vector<TokenId>& ids) const;

 private:
  static constexpr TokenId none = -1;

  void parse_merges(const JsonView& merges, const Vocabulary& vocabulary);
  void find_byte_ids(const Vocabulary& vocabulary);
  std::optional<TokenId> whole_word(std::string_view word, const Vocabulary& vocabulary,
                                    BpeScratch& scratch) const;
  void encode_word(std::string_view word, const Vocabulary& vocabulary, BpeScratch& scratch,
                   std::vector<TokenId>& ids) const;
  /// False where the vocabulary lacks one of the bytes.
  bool byte_symbols(std::string_view word, std::vector<TokenId>& symbols) const;
  void character_symbols(std::string_view word, const Vocabulary& vocabulary,
                         std::vector<TokenId>& symbols) const;
  bool fall_back_to_bytes(std::string_view character, std::vector<TokenId>& symbols) const;

  MergeTable merges_;
  bool byte_level_ = false;
  bool ignore_merges_ = false;
  bool fuse_unk_ = false;
  bool marks_begin_words_ = false;
  std::optional<TokenId> unk_;
  std::array<TokenId, 256> byte_ids_{};           // of single bytes in the byte alphabet
  std::array<TokenId, 256> byte_fallback_ids_{};  // of <0x00> to <0xFF>
};

/// Merges neighbours in `symbols` until no merge applies: the lowest rank first, among equals the
/// leftmost.
void apply_merges(const MergeTable& table, BpeScratch& scratch);

}  // namespace cecollm::model
