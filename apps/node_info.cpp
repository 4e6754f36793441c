#include "apps/node_info.hpp"

#include <utility>

#include "apps/version.hpp"
#include "policy/mode_controller.hpp"

namespace cecollm::apps {

std::string model_name(const ModelSettings& settings) {
  // "models/default/" has an empty file name.
  const auto directory = settings.directory.lexically_normal();
  return (directory.has_filename() ? directory : directory.parent_path()).filename().string();
}

monitoring::NodeInfo node_info(const ModelSettings& settings, const model::ModelConfig& config,
                               const std::string& digest) {
  monitoring::NodeInfo info;
  info.version = version();
  info.model = model_name(settings);
  info.digest = digest;
  for (const int layer : config.exits->layers) {
    info.exit_layers += (info.exit_layers.empty() ? "" : ",") + std::to_string(layer);
  }
  info.dtype = model::name_of(model::resolve(settings.dtype, settings.device));
  return info;
}

monitoring::EdgeLabels edge_labels(monitoring::NodeInfo node, std::vector<int> exit_layers) {
  monitoring::EdgeLabels labels;
  labels.node = std::move(node);
  labels.exit_layers = std::move(exit_layers);
  for (const auto mode : policy::all_modes) labels.modes.emplace_back(policy::name_of(mode));
  for (const auto reason : policy::all_mode_reasons) {
    labels.transition_reasons.emplace_back(policy::name_of(reason));
  }
  return labels;
}

monitoring::EdgeLabels edge_labels(const ModelSettings& settings, const model::ModelConfig& config,
                                   const std::string& digest) {
  return edge_labels(node_info(settings, config, digest), config.exits->layers);
}

}  // namespace cecollm::apps
