#include "apps/metrics_command.hpp"

#include <vector>

#include <CLI/CLI.hpp>
#include <prometheus/registry.h>

#include "apps/node_info.hpp"
#include "monitoring/metric_reference.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::apps {
namespace {

Outcome<void> run(const CommandIo& io) {
  prometheus::Registry edge;
  // A model's exits give two labels their values; any model's will do.
  const monitoring::EdgeMetrics of_edge(edge, edge_labels({}, std::vector<int>{3, 6}));
  prometheus::Registry cloud;
  const monitoring::CloudMetrics of_cloud(cloud, {{}, transport::fault_code_names()});
  prometheus::Registry requests;
  prometheus::Registry rest;
  const monitoring::EdgeMetrics of_api(requests, rest, edge_labels({}, std::vector<int>{3, 6}));
  io.out << "### Edge\n\n"
         << monitoring::render_metric_table(monitoring::describe(edge)) << "\n### Cloud\n\n"
         << monitoring::render_metric_table(monitoring::describe(cloud))
         << "\n### Cloud with an HTTP API, besides\n\n"
         << monitoring::render_metric_table(monitoring::describe(requests));
  return {};
}

}  // namespace

void register_metrics(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("metrics", "Print every metric with its type, labels and meaning");
  command->footer(
      "The tables of docs/metrics.md, in Markdown, for a model with exits after layers 3 and 6.\n"
      "Examples:\n"
      "  cecollm metrics | grep rows");
  command->callback([&chosen] {
    chosen = [](const CommandIo& io) {
      return run(io);
    };
  });
}

}  // namespace cecollm::apps
