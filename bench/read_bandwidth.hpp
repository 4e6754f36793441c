#pragma once
// How fast plain loops read memory: what a decode step, which reads every weight once, is held
// against.

#include <cstddef>
#include <cstdint>

namespace cecollm::bench {

/// Bytes a second at which `threads` threads, each its own share, read `bytes` of memory on huge
/// pages, the best of `rounds`. Ends the process with a sentence where there is no such memory.
double read_bandwidth(std::size_t bytes, int threads, int rounds);

}  // namespace cecollm::bench
