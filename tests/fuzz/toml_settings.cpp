// The configuration file of a node: settings, or sentences that say what is wrong with it.

#include <optional>

#include "apps/setting_sources.hpp"
#include "tests/fuzz/scratch_files.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {

void toml_settings(std::string_view input) {
  static const ScratchFiles files;
  apps::SettingSources sources;
  sources.file = files.write("node.toml", input);
  for (const auto node : {apps::Node::edge, apps::Node::cloud}) {
    const auto merged = apps::merge_settings(node, sources);
    for (const auto& problem : merged.problems) {
      require(!problem.empty(), "a problem is a sentence");
    }
    for (const auto& key : apps::setting_keys()) {
      if (!merged.values.has(key.name)) continue;
      require(apps::applies(key, node), "a node has its own settings only");
      require(!merged.values.locate(key.name).empty(), "every value has its place");
    }
  }
  for (const auto node : apps::nodes_of_file(*sources.file)) {
    require(node == apps::Node::edge || node == apps::Node::cloud, "a node is an edge or a cloud");
  }
}

}  // namespace cecollm::fuzz
