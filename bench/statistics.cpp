#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "model/sampling.hpp"

namespace cecollm::bench {
namespace {

double ratio(const RatioPart& sums) {
  return sums.denominator == 0 ? 0 : sums.numerator / sums.denominator;
}

void add(RatioPart& sums, const RatioPart& part) {
  sums.numerator += part.numerator;
  sums.denominator += part.denominator;
}

}  // namespace

std::string to_text(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

Estimate bootstrap_ratio(std::span<const RatioPart> units, const Bootstrap& bootstrap) {
  if (units.empty()) return {};
  RatioPart all;
  for (const auto& unit : units) add(all, unit);
  std::vector<double> ratios;
  std::uint64_t drawn = 0;
  for (int i = 0; i < bootstrap.resamples; ++i) {
    RatioPart sums;
    for (std::size_t j = 0; j < units.size(); ++j) {
      const double at = model::counter_uniform(bootstrap.seed, drawn++);
      add(sums, units[static_cast<std::size_t>(at * static_cast<double>(units.size()))]);
    }
    ratios.push_back(ratio(sums));
  }
  const double tail = (1 - bootstrap.level) / 2;
  return {ratio(all), quantile(ratios, tail), quantile(ratios, 1 - tail)};
}

}  // namespace cecollm::bench
