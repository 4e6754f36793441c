#include "apps/edge_api.hpp"

#include <utility>

#include "apps/api_server.hpp"
#include "apps/edge_status.hpp"
#include "apps/json_response.hpp"
#include "apps/node_info.hpp"
#include "apps/page.hpp"

namespace cecollm::apps {
namespace {

std::vector<policy::Mode> modes_of(const EdgeSettings& settings) {
  if (settings.clouds.empty()) return {policy::Mode::standalone};
  return {policy::all_modes.begin(), policy::all_modes.end()};
}

api::ServedModel served_model(const EdgeNode& node, const EdgeSettings& settings) {
  const auto& config = node.config();
  return {.name = model_name(settings.model),
          .vocabulary = config.vocab_size,
          .max_positions = config.max_positions,
          .exit_layers = config.exits->layers,
          .modes = modes_of(settings),
          .has_tokenizer = node.tokenizer() != nullptr};
}

http::Route status_route(EdgeNode& node, std::function<EdgeSettings()> current, bool keys,
                         bool chat) {
  return {"GET", "/v1/cecollm/status",
          [&node, current = std::move(current), keys, chat](const http::Request&, http::Client&) {
            auto status = edge_status(node, current());
            status["keys"] = keys;
            status["chat"] = chat;
            auto response = json_response(200, status);
            response.headers = {{"Cache-Control", "no-store"}};
            return response;
          }};
}

}  // namespace

EdgeApi::EdgeApi(std::shared_ptr<NodeHealth> health, api::ServiceSetting setting)
    : health_(std::move(health)), service_(std::move(setting)) {}

Outcome<std::unique_ptr<EdgeApi>> EdgeApi::start(EdgeNode& node, const EdgeSettings& settings,
                                                 std::function<EdgeSettings()> current,
                                                 std::shared_ptr<const KeyGuard> guard,
                                                 const monitoring::Logger& logger) {
  const auto at_start = request_from(settings, node.config());
  if (!at_start) return tl::unexpected(at_start.error());
  api::ServiceSetting service;
  service.system = &node.system();
  service.edge = node.supervisor();
  service.model = served_model(node, settings);
  service.tokenizer = node.shared_tokenizer();
  read_chat_template(settings.model, service, logger);
  const bool chat = service.chat_template != nullptr && service.tokenizer != nullptr;
  service.max_streams = settings.api.max_streams;
  // Settings that do not fit the model are not taken over, so the ones at start stand in for none.
  service.defaults = [current, config = node.config(), first = *at_start] {
    return request_from(current(), config).value_or(first);
  };
  service.accepting = [health = node.health()] {
    return health->state() == NodeState::ready;
  };
  std::unique_ptr<EdgeApi> api(new EdgeApi(node.health(), std::move(service)));

  auto routes = api->service_.routes();
  routes.push_back(status_route(node, std::move(current), guard != nullptr, chat));
  routes.push_back(page_route());
  auto server =
      start_api_server(settings.api, std::move(routes), node.health(), std::move(guard), logger);
  if (!server) return tl::unexpected(server.error());
  api->server_ = std::move(*server);
  return api;
}

bool EdgeApi::drain(std::chrono::milliseconds limit) {
  health_->enter(NodeState::draining);
  return service_.wait_until_idle(limit);
}

}  // namespace cecollm::apps
