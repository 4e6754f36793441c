#pragma once
// How much the current thread has allocated with operator new: the test binary that links
// allocation_probe.cpp counts it.

#include <cstddef>

namespace cecollm::tests {

class AllocationProbe {
 public:
  AllocationProbe();
  /// Since construction: all bytes asked for, whether freed or not, and the largest single request.
  std::size_t total() const;
  std::size_t largest() const;

 private:
  std::size_t before_;
};

}  // namespace cecollm::tests
