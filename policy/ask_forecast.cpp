#include "policy/ask_forecast.hpp"

#include <algorithm>

namespace cecollm::policy {

std::size_t AskForecast::part_of(Confidence confidence, const ExitThresholds& thresholds) {
  const float share = confidence.max_probability / thresholds.values.back();
  if (!(share > 0)) return 0;  // a NaN, too
  if (share >= 1) return parts - 1;
  return std::min(parts - 1, static_cast<std::size_t>(share * static_cast<float>(parts)));
}

bool AskForecast::likely(Confidence confidence, std::size_t exit,
                         const ExitThresholds& thresholds) const {
  if (exit >= exits_.size()) return false;
  const auto& counts = exits_[exit];
  auto count = counts[part_of(confidence, thresholds)];
  if (count.asked + count.sure == 0) {
    for (const auto& part : counts) {
      count.asked += part.asked;
      count.sure += part.sure;
    }
  }
  return count.asked > count.sure;
}

void AskForecast::learn(Confidence confidence, std::size_t exit, const ExitThresholds& thresholds,
                        bool asked) {
  if (exit >= exits_.size()) exits_.resize(exit + 1);
  auto& count = exits_[exit][part_of(confidence, thresholds)];
  (asked ? count.asked : count.sure) += 1;
  if (count.asked + count.sure < memory) return;
  count.asked /= 2;
  count.sure /= 2;
}

}  // namespace cecollm::policy
