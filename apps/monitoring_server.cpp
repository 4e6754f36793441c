#include "apps/monitoring_server.hpp"

#include <utility>

#include "monitoring/exposition.hpp"

namespace cecollm::apps {
namespace {

/// Prometheus, a person and some probes; nobody has to send more than a line.
constexpr std::size_t max_connections = 16;
constexpr std::size_t max_head_bytes = 16U << 10U;
constexpr std::size_t max_body_bytes = 4U << 10U;

}  // namespace

Outcome<std::optional<http::Server>> start_monitoring_server(
    const MonitoringSettings& settings, std::shared_ptr<const prometheus::Registry> registry,
    std::shared_ptr<const NodeHealth> health) {
  std::optional<http::Server> server;
  if (!settings.metrics_listen) return server;
  http::Setting setting;
  setting.limits.max_connections = max_connections;
  setting.limits.max_head_bytes = max_head_bytes;
  setting.limits.max_body_bytes = max_body_bytes;
  setting.routes = health_routes(std::move(health));
  setting.routes.push_back(
      {"GET", "/metrics", [registry = std::move(registry)](const http::Request&, http::Client&) {
         http::Response response;
         response.content_type = monitoring::exposition_content_type;
         response.body = monitoring::expose(*registry);
         return response;
       }});
  auto started = http::Server::start(*settings.metrics_listen, std::move(setting));
  if (!started) return failed("cannot serve metrics on " + started.error().message);
  server = std::move(*started);
  return server;
}

}  // namespace cecollm::apps
