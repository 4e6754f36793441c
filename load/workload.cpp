#include "load/workload.hpp"

#include <algorithm>
#include <numeric>

namespace cecollm::load {

Workload::Workload(const std::vector<LoadPrompt>& prompts,
                   std::optional<LengthDistribution> lengths, bool shuffled, std::uint64_t seed)
    : lengths_(lengths), shuffled_(shuffled), random_(seed), order_(prompts.size()) {
  for (const auto& prompt : prompts) most_tokens_.push_back(prompt.most_tokens);
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

PlannedRequest Workload::next() {
  if (used_ == order_.size()) used_ = 0;
  if (used_ == 0 && shuffled_) std::ranges::shuffle(order_, random_);
  const auto prompt = order_[used_++];
  const auto most = most_tokens_[prompt];
  return {prompt, lengths_ ? lengths_->draw(random_, most) : most};
}

}  // namespace cecollm::load
