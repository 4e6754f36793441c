#pragma once
// Histograms in the text format of Prometheus.

#include <string_view>
#include <vector>

#include "load/load_report.hpp"

namespace cecollm::load {

/// The buckets of the histogram `name`, each without those below it; empty where there is none or
/// it makes no sense.
std::vector<BucketCount> histogram_in(std::string_view page, std::string_view name);

/// What came between two readings of the same histogram; empty where they do not fit together.
std::vector<BucketCount> difference(const std::vector<BucketCount>& before,
                                    const std::vector<BucketCount>& after);

}  // namespace cecollm::load
