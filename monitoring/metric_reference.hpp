#pragma once
// What a registry's metrics are called and mean, read from the registry itself: documentation that
// cannot differ from the code.

#include <string>
#include <vector>

#include <prometheus/collectable.h>

namespace cecollm::monitoring {

struct MetricDescription {
  struct Label {
    std::string name;
    std::vector<std::string> values;  // of the series there are, sorted
  };
  std::string name;
  std::string type;  // "counter", "gauge", "histogram"
  std::string help;
  std::vector<Label> labels;
};

/// Sorted by name.
std::vector<MetricDescription> describe(const prometheus::Collectable& registry);

/// A Markdown table: name, type, labels with their values, help. The values of `_info` metrics are
/// left out: they are those of one node.
std::string render_metric_table(const std::vector<MetricDescription>& metrics);

}  // namespace cecollm::monitoring
