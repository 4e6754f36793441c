#pragma once
// The merge rules of a BPE model, looked up by the pair that they join. Internal to the tokenizer.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/config.hpp"

namespace cecollm::model {

struct Merge {
  std::uint32_t rank;  // lower goes first
  TokenId result;
};

/// A hash table with open addressing: a lookup, of which encoding makes several per character,
/// usually touches one cache line.
class MergeTable {
 public:
  explicit MergeTable(std::size_t merges = 0);

  /// At most as many as announced. A pair that is there already gets the new merge.
  void insert(TokenId left, TokenId right, Merge merge);
  /// Null where the pair has no merge.
  const Merge* find(TokenId left, TokenId right) const {
    for (std::size_t i = slot(key(left, right));; i = (i + 1) & mask_) {
      if (slots_[i].key == key(left, right)) return &slots_[i].merge;
      if (slots_[i].key == empty) return nullptr;
    }
  }

 private:
  static constexpr std::uint64_t empty = ~std::uint64_t{0};  // ids are not negative
  struct Slot {
    std::uint64_t key = empty;
    Merge merge{};
  };

  static std::uint64_t key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  // The finalizer of splitmix64 (Steele, Lea and Flood 2014): every bit of the key counts.
  std::size_t slot(std::uint64_t key) const {
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9U;
    key = (key ^ key >> 27) * 0x94D049BB133111EBU;
    return static_cast<std::size_t>(key ^ key >> 31) & mask_;
  }

  std::vector<Slot> slots_;
  std::size_t mask_;
};

}  // namespace cecollm::model
