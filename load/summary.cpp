#include "load/summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cecollm::load {

double percentile(std::span<const double> sorted, double percent) {
  const double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), sorted.size() - 1);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

Summary summarize(std::vector<double> samples) {
  Summary summary;
  if (samples.empty()) return summary;
  std::ranges::sort(samples);
  summary.count = samples.size();
  summary.mean =
      std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  summary.p50 = percentile(samples, 50);
  summary.p90 = percentile(samples, 90);
  summary.p95 = percentile(samples, 95);
  summary.p99 = percentile(samples, 99);
  summary.max = samples.back();
  return summary;
}

}  // namespace cecollm::load
