#include "apps/node_health.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "apps/json_response.hpp"
#include "apps/version.hpp"

namespace cecollm::apps {

std::string_view name_of(NodeState state) {
  switch (state) {
    case NodeState::loading:
      return "loading";
    case NodeState::ready:
      return "ready";
    case NodeState::draining:
      return "draining";
  }
  return "";
}

std::vector<http::Route> health_routes(std::shared_ptr<const NodeHealth> health) {
  const auto live = [](const http::Request&, http::Client&) {
    return json_response(200, {{"status", "live"}});
  };
  const auto ready = [health = std::move(health)](const http::Request&, http::Client&) {
    const NodeState state = health->state();
    return json_response(state == NodeState::ready ? 200 : 503, {{"status", name_of(state)}});
  };
  const auto version_of_program = [](const http::Request&, http::Client&) {
    return json_response(200, {{"version", version()}});
  };
  return {{"GET", "/livez", live, true},
          {"GET", "/readyz", ready, true},
          {"GET", "/health", ready, true},
          {"GET", "/version", version_of_program, true}};
}

}  // namespace cecollm::apps
