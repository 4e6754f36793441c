#include "monitoring/metric_reference.hpp"

#include <algorithm>

#include <prometheus/metric_family.h>

namespace cecollm::monitoring {
namespace {

const char* type_name(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Histogram:
      return "histogram";
    case prometheus::MetricType::Summary:
      return "summary";
    case prometheus::MetricType::Untyped:
      break;
  }
  return "untyped";
}

void note(std::vector<MetricDescription::Label>& labels, const std::string& name,
          const std::string& value) {
  auto label = std::find_if(labels.begin(), labels.end(),
                            [&](const auto& known) { return known.name == name; });
  if (label == labels.end()) label = labels.insert(label, {name, {}});
  auto& values = label->values;
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

/// As a table's cell: what stands between bars.
std::string cell_of(const MetricDescription& metric) {
  std::string text;
  for (const auto& label : metric.labels) {
    if (!text.empty()) text += "; ";
    text += '`' + label.name + '`';
    if (metric.name.ends_with("_info")) continue;
    text += ": ";
    for (const auto& value : label.values) {
      if (&value != &label.values.front()) text += ", ";
      text += value;
    }
  }
  return text;
}

}  // namespace

std::vector<MetricDescription> describe(const prometheus::Collectable& registry) {
  std::vector<MetricDescription> metrics;
  for (const auto& family : registry.Collect()) {
    auto& metric = metrics.emplace_back();
    metric.name = family.name;
    metric.type = type_name(family.type);
    metric.help = family.help;
    for (const auto& series : family.metric) {
      for (const auto& label : series.label) note(metric.labels, label.name, label.value);
    }
    for (auto& label : metric.labels) std::sort(label.values.begin(), label.values.end());
  }
  std::sort(metrics.begin(), metrics.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return metrics;
}

std::string render_metric_table(const std::vector<MetricDescription>& metrics) {
  std::string table = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const auto& metric : metrics) {
    table += "| `" + metric.name + "` | " + metric.type + " | " + cell_of(metric) + " | " +
             metric.help + " |\n";
  }
  return table;
}

}  // namespace cecollm::monitoring
