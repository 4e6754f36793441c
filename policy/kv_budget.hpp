#pragma once
// Whose KV cache to give up when memory runs out. The rows that it was computed from are kept, so
// it costs a recomputation at the next ask, not the context.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/time.hpp"

namespace cecollm::policy {

struct KvHolder {
  std::int64_t bytes = 0;
  TimePoint last_asked{};
  bool in_step = false;  // it is about to grow: never given up
};

/// The fewest of the least recently asked holders without which `growth` more bytes fit into
/// `budget`, as indices; all that may go where even they are not enough.
std::vector<std::size_t> choose_evictions(std::span<const KvHolder> holders, std::int64_t growth,
                                          std::int64_t budget);

}  // namespace cecollm::policy
