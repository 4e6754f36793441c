#pragma once
// What a cloud says of itself while it runs.

#include <nlohmann/json.hpp>

#include "apps/cloud_node.hpp"
#include "apps/settings.hpp"

namespace cecollm::apps {

/// One object (docs/deployment.md shows it). Any thread.
nlohmann::ordered_json cloud_status(const CloudNode& node, const CloudSettings& settings);

}  // namespace cecollm::apps
