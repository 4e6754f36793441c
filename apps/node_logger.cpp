#include "apps/node_logger.hpp"

namespace cecollm::apps {

monitoring::Logger node_logger(std::string_view name, const MonitoringSettings& settings) {
  // The settings accept only names that the logger knows.
  return monitoring::stderr_logger(name, *monitoring::log_level_from_name(settings.log_level),
                                   *monitoring::log_format_from_name(settings.log_format));
}

}  // namespace cecollm::apps
