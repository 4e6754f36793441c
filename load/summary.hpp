#pragma once
// Mean and percentiles of samples.

#include <cstddef>
#include <span>
#include <vector>

namespace cecollm::load {

struct Summary {
  std::size_t count = 0;  // 0: all others are 0
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
};

/// `sorted` rises and is not empty; `percent` from 0 to 100. Between two samples it interpolates
/// linearly, as NumPy's default does, and with it vLLM's benchmark.
double percentile(std::span<const double> sorted, double percent);

/// Finite samples in any order.
Summary summarize(std::vector<double> samples);

}  // namespace cecollm::load
