#pragma once
// What a node shows to Prometheus and to probes: GET /metrics and the routes of its health.

#include <memory>
#include <optional>

#include <prometheus/registry.h>

#include "apps/failure.hpp"
#include "apps/node_health.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"

namespace cecollm::apps {

/// Nothing where no address is set.
Outcome<std::optional<http::Server>> start_monitoring_server(
    const MonitoringSettings& settings, std::shared_ptr<const prometheus::Registry> registry,
    std::shared_ptr<const NodeHealth> health);

}  // namespace cecollm::apps
