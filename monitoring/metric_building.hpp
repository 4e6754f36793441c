#pragma once
// Internal to metrics.cpp: how a metric is registered, and the buckets that fit edge and cloud.

#include <string>
#include <vector>

#include <prometheus/registry.h>

#include "monitoring/metrics.hpp"

namespace cecollm::monitoring {

/// Seconds: from a pass of a small model to a request nobody waits for any more.
extern const prometheus::Histogram::BucketBoundaries latency_buckets;
/// Of a probability; finer where thresholds lie.
extern const prometheus::Histogram::BucketBoundaries confidence_buckets;
/// Asks in one pass.
extern const prometheus::Histogram::BucketBoundaries batch_buckets;
/// Tokens of one request.
extern const prometheus::Histogram::BucketBoundaries token_buckets;

prometheus::Counter& counter(prometheus::Registry& registry, const char* name, const char* help,
                             const prometheus::Labels& labels = {});
prometheus::Gauge& gauge(prometheus::Registry& registry, const char* name, const char* help,
                         const prometheus::Labels& labels = {});
prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const prometheus::Histogram::BucketBoundaries& buckets,
                                 const prometheus::Labels& labels = {});

/// One series for each value of `label`, in their order.
Labelled<prometheus::Counter> counters(prometheus::Registry& registry, const char* name,
                                       const char* help, const char* label,
                                       const std::vector<std::string>& values);
Labelled<prometheus::Gauge> gauges(prometheus::Registry& registry, const char* name,
                                   const char* help, const char* label,
                                   const std::vector<std::string>& values);

/// The names of an enum whose values run from 0 to `last`.
template <class Enum>
std::vector<std::string> names_up_to(Enum last) {
  std::vector<std::string> names;
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    names.emplace_back(name_of(static_cast<Enum>(value)));
  }
  return names;
}

/// cecollm_build_info and cecollm_model_info of one side, "edge" or "cloud".
void publish_info(prometheus::Registry& registry, const char* role, const NodeInfo& node);

}  // namespace cecollm::monitoring
