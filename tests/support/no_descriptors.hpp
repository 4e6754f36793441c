#pragma once

#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace cecollm::tests {

/// Uses up every descriptor there is, as long as it lives. Not for AddressSanitizer's builds, whose
/// checks of objects need some themselves.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    auto low = before_;
    low.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int copy = ::dup(0); copy >= 0; copy = ::dup(0)) {
      copies_.push_back(copy);
    }
  }
  ~NoDescriptors() {
    for (const int copy : copies_) {
      ::close(copy);
    }
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<int> copies_;
};

}  // namespace cecollm::tests
