#pragma once
// Where packed weights lie: few large stretches of memory on huge pages, for a decode step reads
// all weights once, and with small pages it would wait for address translation at every 4 KiB.

#include <cstddef>
#include <memory>
#include <span>

#include "model/reserved_memory.hpp"

namespace cecollm::model {

/// Hands out memory that begins a cache line and is zero, out of blocks that live as long as
/// anything in them is used. Memory that is never written is never taken from the system. One
/// thread at a time.
class WeightMemory {
 public:
  /// Shares ownership of the bytes' block.
  struct Piece {
    std::span<std::byte> bytes;
    std::shared_ptr<ReservedMemory> block;
  };
  /// `exhausted` where the system has not so much address space left.
  Result<Piece> take(std::size_t bytes);

 private:
  std::shared_ptr<ReservedMemory> block_;
  std::size_t used_ = 0;
};

}  // namespace cecollm::model
