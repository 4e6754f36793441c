#pragma once
// Whose KV cache to give up when memory runs out. The rows or ids that it was computed from are
// kept, so it costs a recomputation at the next token, not the context.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/time.hpp"

namespace cecollm::policy {

struct KvHolder {
  std::int64_t bytes = 0;
  TimePoint last_asked{};
  std::optional<std::size_t> turn;  // its place in the step that is planned, from 0 on
  std::int64_t growth = 0;          // bytes that the step would add to it
};

struct KvFit {
  std::size_t turns = 0;             // how many of the step, from the first on, have room
  std::vector<std::size_t> evicted;  // holders to give up before, the longest unasked first
};

/// The most turns of a step for which `budget` has room once others are given up: no more than
/// needed, the least recently asked first. Whoever has to wait for a later step may be given up
/// too.
KvFit fit_step(std::span<const KvHolder> holders, std::int64_t budget);

}  // namespace cecollm::policy
