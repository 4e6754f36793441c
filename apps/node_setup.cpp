#include "apps/node_setup.hpp"

#include <utility>

namespace cecollm::apps {

transport::ConnectionLimits connection_limits(const LinkSettings& settings) {
  transport::ConnectionLimits limits;
  limits.max_frame_bytes = settings.max_frame_bytes;
  limits.max_queued_bytes = settings.max_queue_bytes;
  limits.connect_timeout = settings.connect_timeout;
  limits.silence_limit = settings.silence_limit;
  return limits;
}

Outcome<std::shared_ptr<transport::TlsContext>> load_tls(transport::TlsRole role,
                                                         const LinkSettings& settings) {
  if (!settings.credentials) return std::shared_ptr<transport::TlsContext>();
  auto loaded = transport::TlsContext::load(role, *settings.credentials);
  if (!loaded) return tl::unexpected(to_failure(loaded.error()));
  return std::move(*loaded);
}

Outcome<policy::ExitThresholds> thresholds_for(const std::vector<float>& given, std::size_t exits) {
  auto thresholds = policy::spread_thresholds(given, exits);
  if (thresholds.values.empty()) {
    return misused("--threshold has " + std::to_string(given.size()) + " values, the model has " +
                   std::to_string(exits) + " exits: give one value, or one for each exit");
  }
  return thresholds;
}

}  // namespace cecollm::apps
