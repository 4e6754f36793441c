#pragma once
// Tokens by id and by spelling: the model's own vocabulary and the added tokens on top of it.
// Internal to the tokenizer.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/config.hpp"
#include "model/tokenizer_json.hpp"

namespace cecollm::model {

class Vocabulary {
 public:
  /// Ids are indices into a table, so a file may not choose them at will.
  static constexpr TokenId max_id = (1 << 21) - 1;

  Vocabulary() = default;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;
  Vocabulary(const Vocabulary&) = delete;  // entries point into the maps
  Vocabulary& operator=(const Vocabulary&) = delete;
  ~Vocabulary() = default;

  /// Takes `model.vocab`; problems go to the view's diagnosis.
  static Vocabulary parse(const JsonView& vocab);

  /// Adds a token on top of the model's. False where `id` or `piece` already stands for something
  /// else. `decoded` is what the decoder is given for it.
  bool add(TokenId id, const std::string& piece, bool special, std::string decoded);

  /// Id of a piece of the model's own vocabulary; added tokens are no pieces to the model.
  std::optional<TokenId> find(std::string_view piece) const;
  bool contains(TokenId id) const;
  std::string_view piece(TokenId id) const;
  std::string_view decoded(TokenId id) const;
  bool is_special(TokenId id) const;
  /// Number of tokens, added ones included.
  std::size_t size() const { return size_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Ids = std::unordered_map<std::string, TokenId, Hash, std::equal_to<>>;
  struct Entry {
    const std::string* piece = nullptr;    // key of ids_ or added_ids_; null for a hole
    const std::string* decoded = nullptr;  // the piece, or a value of decoded_
    bool special = false;
  };
  const Entry* entry(TokenId id) const;
  bool place(TokenId id, const std::string* piece);

  Ids ids_;
  Ids added_ids_;
  std::unordered_map<TokenId, std::string> decoded_;
  std::vector<Entry> entries_;
  std::size_t size_ = 0;
};

}  // namespace cecollm::model
