#include "policy/kv_budget.hpp"

#include <algorithm>
#include <tuple>

namespace cecollm::policy {

std::vector<std::size_t> choose_evictions(std::span<const KvHolder> holders, std::int64_t growth,
                                          std::int64_t budget) {
  std::int64_t held = 0;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    held += holders[i].bytes;
    if (!holders[i].in_step && holders[i].bytes > 0) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::tuple(holders[i].last_asked, i); });
  std::vector<std::size_t> evicted;
  for (const auto i : order) {
    if (held + growth <= budget) break;
    held -= holders[i].bytes;
    evicted.push_back(i);
  }
  return evicted;
}

}  // namespace cecollm::policy
