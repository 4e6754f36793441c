#include "model/tokenizer_merges.hpp"

#include <bit>

namespace cecollm::model {

MergeTable::MergeTable(std::size_t merges)
    : slots_(std::bit_ceil(2 * merges + 1)), mask_(slots_.size() - 1) {}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  std::size_t i = slot(key(left, right));
  while (slots_[i].key != empty && slots_[i].key != key(left, right)) i = (i + 1) & mask_;
  slots_[i] = Slot{key(left, right), merge};
}

}  // namespace cecollm::model
