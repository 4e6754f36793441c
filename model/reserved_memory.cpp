#include "model/reserved_memory.hpp"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace cecollm::model {
namespace {

constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

}  // namespace

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

Result<ReservedMemory> ReservedMemory::reserve(std::size_t bytes, Pages pages) {
  if (bytes == 0) return ReservedMemory();  // an empty range cannot be mapped
  // Where the system does not place the mapping at a huge page's begin, small pages remain at its
  // ends.
  const std::size_t unit = pages == Pages::huge ? huge_page_bytes : 1;
  const std::size_t mapped = (bytes + unit - 1) / unit * unit;
  void* data = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return fail(ErrorCode::exhausted, "no room for " + std::to_string(bytes) +
                                          " bytes: " + std::generic_category().message(errno));
  }
  // For a text that grows, huge pages would make a short one cost megabytes. Where the kernel has
  // none, it refuses.
  static_cast<void>(
      ::madvise(data, mapped, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
  return ReservedMemory({static_cast<std::byte*>(data), mapped});
}

ReservedMemory::ReservedMemory(ReservedMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

ReservedMemory& ReservedMemory::operator=(ReservedMemory&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

ReservedMemory::~ReservedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace cecollm::model
