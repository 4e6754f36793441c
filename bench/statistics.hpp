#pragma once
// What the benchmarks say of many measured values. Pure functions.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cecollm::bench {

/// The `share`-quantile, nearest rank; zero of nothing. Sorts.
double quantile(std::vector<double>& values, double share);

/// Up to six digits, without zeros at the end: "2.85", "37".
std::string to_text(double number);

/// A figure and where it would lie if the experiment were made again.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// What one unit of the experiment, a prompt say, adds to both sides of a ratio.
struct RatioPart {
  double numerator = 0;
  double denominator = 0;
};

struct Bootstrap {
  int resamples = 2000;
  double level = 0.95;
  std::uint64_t seed = 1;
};

/// The sum of the numerators over the sum of the denominators, with the percentile bootstrap's
/// interval: the same of `resamples` draws of as many units with replacement (Efron and Tibshirani,
/// An Introduction to the Bootstrap, 1993, chapter 13). A draw whose denominators sum to zero
/// counts as zero. The same seed gives the same interval on every machine. Zero of no units.
Estimate bootstrap_ratio(std::span<const RatioPart> units, const Bootstrap& bootstrap);

}  // namespace cecollm::bench
