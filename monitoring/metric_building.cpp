#include "monitoring/metric_building.hpp"

#include <utility>

namespace cecollm::monitoring {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;
using prometheus::Registry;

const Histogram::BucketBoundaries latency_buckets{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2,
                                                  0.5,   1.0,   2.0,   5.0,  10.0, 20.0, 60.0};
const Histogram::BucketBoundaries confidence_buckets{0.1, 0.2, 0.3, 0.4,  0.5,  0.6,
                                                     0.7, 0.8, 0.9, 0.95, 0.99, 1.0};
const Histogram::BucketBoundaries batch_buckets{1, 2, 4, 8, 16, 32, 64, 128, 256};
const Histogram::BucketBoundaries token_buckets{1,   2,   5,    10,   20,   50,    100,
                                                200, 500, 1000, 2000, 5000, 10000, 20000};

Counter& counter(Registry& registry, const char* name, const char* help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

Gauge& gauge(Registry& registry, const char* name, const char* help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

Histogram& histogram(Registry& registry, const char* name, const char* help,
                     const Histogram::BucketBoundaries& buckets, const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, buckets);
}

Labelled<Counter> counters(Registry& registry, const char* name, const char* help,
                           const char* label, const std::vector<std::string>& values) {
  std::vector<Counter*> series;
  series.reserve(values.size());
  for (const std::string& value : values) {
    series.push_back(&counter(registry, name, help, {{label, value}}));
  }
  return Labelled<Counter>(std::move(series));
}

Labelled<Gauge> gauges(Registry& registry, const char* name, const char* help, const char* label,
                       const std::vector<std::string>& values) {
  std::vector<Gauge*> series;
  series.reserve(values.size());
  for (const std::string& value : values) {
    series.push_back(&gauge(registry, name, help, {{label, value}}));
  }
  return Labelled<Gauge>(std::move(series));
}

void publish_info(Registry& registry, const char* role, const NodeInfo& node) {
  gauge(registry, "cecollm_build_info", "The running build; always 1.",
        {{"role", role}, {"version", node.version}})
      .Set(1.0);
  gauge(registry, "cecollm_model_info", "The loaded model; always 1.",
        {{"role", role},
         {"model", node.model},
         {"digest", node.digest},
         {"exit_layers", node.exit_layers},
         {"dtype", node.dtype}})
      .Set(1.0);
}

}  // namespace cecollm::monitoring
