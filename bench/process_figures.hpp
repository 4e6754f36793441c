#pragma once
// What the kernel says of a running process (proc(5)).

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

namespace cecollm::bench {

struct ProcessFigures {
  std::int64_t resident_bytes = 0;
  std::int64_t threads = 0;
  std::int64_t descriptors = 0;
  /// Seconds of CPU so far, user and system, by the threads' names; ended threads are left out.
  std::map<std::string, double> cpu;
};

/// Nothing where there is no such process, or none whose descriptors may be read.
std::optional<ProcessFigures> figures_of(pid_t process);

}  // namespace cecollm::bench
