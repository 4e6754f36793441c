#include "policy/kv_budget.hpp"

#include <algorithm>
#include <tuple>

namespace cecollm::policy {

KvFit fit_step(std::span<const KvHolder> holders, std::int64_t budget) {
  std::int64_t held = 0;
  std::size_t turns = 0;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    held += holders[i].bytes;
    if (holders[i].turn) turns = std::max(turns, *holders[i].turn + 1);
    if (holders[i].bytes > 0) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::tuple(holders[i].last_asked, i); });
  const auto takes_part = [&](const KvHolder& holder, std::size_t count) {
    return holder.turn && *holder.turn < count;
  };
  for (; turns > 0; --turns) {
    std::int64_t needed = held;
    for (const auto& holder : holders) {
      if (takes_part(holder, turns)) needed += holder.growth;
    }
    std::vector<std::size_t> evicted;
    for (const auto i : order) {
      if (needed <= budget) break;
      if (takes_part(holders[i], turns)) continue;
      needed -= holders[i].bytes;
      evicted.push_back(i);
    }
    if (needed <= budget) return {turns, std::move(evicted)};
  }
  return {};
}

}  // namespace cecollm::policy
