#pragma once
// What an edge says of itself while it runs, for people and for the page: mode and why, the link,
// and where tokens came from.

#include <nlohmann/json.hpp>

#include "apps/edge_node.hpp"
#include "apps/settings.hpp"

namespace cecollm::apps {

/// One object (docs/api.md lists its fields). `current` are the settings as they are now. Any
/// thread; waits for the edge's supervisor.
nlohmann::ordered_json edge_status(EdgeNode& node, const EdgeSettings& current);

}  // namespace cecollm::apps
