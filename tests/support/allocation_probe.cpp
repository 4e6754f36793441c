#include "tests/support/allocation_probe.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocated_bytes = 0;
thread_local std::size_t largest_request = 0;

void* try_allocate(std::size_t size) noexcept {
  allocated_bytes += size;
  largest_request = std::max(largest_request, size);
  return std::malloc(size == 0 ? 1 : size);
}

void* allocate(std::size_t size) {
  void* memory = try_allocate(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void* operator new[](std::size_t size) {
  return allocate(size);
}
// std::stable_sort takes its buffer by these and gives it back by the plain operator delete.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return try_allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return try_allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace cecollm::tests {

AllocationProbe::AllocationProbe() : before_(allocated_bytes) {
  largest_request = 0;
}

std::size_t AllocationProbe::total() const {
  return allocated_bytes - before_;
}

std::size_t AllocationProbe::largest() const {
  return largest_request;
}

}  // namespace cecollm::tests
