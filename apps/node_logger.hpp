#pragma once

#include <string_view>

#include "apps/settings.hpp"
#include "monitoring/log.hpp"

namespace cecollm::apps {

/// Logs to standard error at the configured level and in the configured format, as node `name`.
monitoring::Logger node_logger(std::string_view name, const MonitoringSettings& settings);

}  // namespace cecollm::apps
