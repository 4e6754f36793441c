#include "bench/agreement.hpp"

namespace cecollm::bench {

model::Result<std::int64_t> agreeing_tokens(model::Engine& whole,
                                            const std::vector<model::TokenId>& prompt,
                                            const std::vector<model::TokenId>& emitted) {
  auto ids = prompt;
  ids.insert(ids.end(), emitted.begin(), emitted.end());
  const std::vector<model::TokenId> targets(ids.begin() + 1, ids.end());
  ids.pop_back();
  const auto scores = whole.score(ids, targets);
  if (!scores) return tl::unexpected(scores.error());
  std::int64_t count = 0;
  for (std::size_t i = prompt.size() - 1; i < targets.size(); ++i) {
    count += (*scores)[i].back().argmax == targets[i] ? 1 : 0;
  }
  return count;
}

}  // namespace cecollm::bench
