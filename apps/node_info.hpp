#pragma once

#include <string>
#include <vector>

#include "apps/settings.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::apps {

/// The name by which people know a model: that of its directory.
std::string model_name(const ModelSettings& settings);

/// What a node says of itself in its `_info` metrics.
monitoring::NodeInfo node_info(const ModelSettings& settings, const model::ModelConfig& config,
                               const std::string& digest);

/// The labels of the metrics of an edge, whose model has these exits.
monitoring::EdgeLabels edge_labels(monitoring::NodeInfo node, std::vector<int> exit_layers);

/// The same, of a model whose `config` has early exits.
monitoring::EdgeLabels edge_labels(const ModelSettings& settings, const model::ModelConfig& config,
                                   const std::string& digest);

}  // namespace cecollm::apps
