#include "model/weight_memory.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::model {
namespace {

constexpr std::size_t cache_line = 64;
// Of address space; what a part leaves of its last block costs nothing.
constexpr std::size_t block_bytes = std::size_t{64} << 20;

}  // namespace

Result<WeightMemory::Piece> WeightMemory::take(std::size_t bytes) {
  const std::size_t rounded = (bytes + cache_line - 1) / cache_line * cache_line;
  if (!block_ || rounded > block_->bytes().size() - used_) {
    auto block =
        ReservedMemory::reserve(std::max(rounded, block_bytes), ReservedMemory::Pages::huge);
    if (!block) return tl::unexpected(std::move(block.error()));
    block_ = std::make_shared<ReservedMemory>(*std::move(block));
    used_ = 0;
  }
  Piece piece{block_->bytes().subspan(used_, bytes), block_};
  used_ += rounded;
  return piece;
}

}  // namespace cecollm::model
