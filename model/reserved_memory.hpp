#pragma once
// Address space that takes up memory page by page as it is written: a table that may grow to a
// known bound without ever being copied, and that costs what is in it. (As vAttention does for KV
// caches on GPUs: Prabhu et al., arXiv 2405.04437.)

#include <cstddef>
#include <span>

#include "model/error.hpp"

namespace cecollm::model {

/// Bytes of a page of memory.
std::size_t page_bytes();
/// `bytes` rounded up to whole pages.
std::size_t whole_pages(std::size_t bytes);

/// Zeroed until written. Movable, not copyable; the memory goes back to the system at its end.
class ReservedMemory {
 public:
  /// Small pages cost what is in them to 4 KiB; huge ones, which the system gives where it has
  /// them, are for memory that is filled from end to end and read often.
  enum class Pages { small, huge };
  /// `exhausted` where the system has not so much address space left.
  static Result<ReservedMemory> reserve(std::size_t bytes, Pages pages = Pages::small);
  ReservedMemory() = default;
  ReservedMemory(ReservedMemory&& other) noexcept;
  ReservedMemory& operator=(ReservedMemory&& other) noexcept;
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;
  ~ReservedMemory();

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit ReservedMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace cecollm::model
