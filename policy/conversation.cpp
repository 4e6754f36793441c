#include "policy/conversation.hpp"

#include <algorithm>

namespace cecollm::policy {

std::optional<std::size_t> rows_to_resume(std::span<const std::int32_t> kept, std::size_t rows,
                                          std::span<const std::int32_t> prompt) {
  if (prompt.empty()) return std::nullopt;
  const auto differs = std::ranges::mismatch(kept, prompt).in1;
  const auto shared = static_cast<std::size_t>(differs - kept.begin());
  const auto usable = std::min({shared, rows, prompt.size() - 1});
  if (usable == 0 || usable + most_rows_given_up < rows) return std::nullopt;
  return usable;
}

}  // namespace cecollm::policy
