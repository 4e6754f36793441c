#include "apps/edge_api.hpp"

#include <utility>

#include "apps/edge_status.hpp"
#include "apps/json_response.hpp"
#include "apps/node_info.hpp"
#include "apps/page.hpp"
#include "model/chat_template.hpp"

namespace cecollm::apps {
namespace {

/// Beside those that generate: probes, lists, clients that are told to come back.
constexpr std::size_t spare_connections = 32;
constexpr std::size_t max_body_bytes = 4U << 20U;

api::ServedModel served_model(const EdgeNode& node, const EdgeSettings& settings) {
  const auto& config = node.config();
  return {.name = model_name(settings.model),
          .vocabulary = config.vocab_size,
          .max_positions = config.max_positions,
          .exit_layers = config.exits->layers,
          .has_cloud = !settings.clouds.empty(),
          .has_tokenizer = node.tokenizer() != nullptr};
}

/// A template that cannot be read costs the chats, not the completions.
void read_chat_template(const std::filesystem::path& directory, api::ServiceSetting& service,
                        const monitoring::Logger& logger) {
  auto chat = model::ChatTemplate::load(directory);
  if (!chat) {
    service.no_chat_reason = "the model's chat template cannot be used: " + chat.error().message;
    logger.warning("no chats are served", {{"why", chat.error().message}});
  } else if (*chat) {
    service.chat_template = std::make_shared<const model::ChatTemplate>(*std::move(*chat));
  } else {
    service.no_chat_reason =
        "the model has no chat template: use /v1/completions, or put chat_template.jinja into its "
        "directory";
  }
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
  read_chat_template(settings.model.directory, service, logger);
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

  http::Setting server;
  server.limits.max_connections = settings.api.max_streams + spare_connections;
  server.limits.max_body_bytes = max_body_bytes;
  server.routes = api->service_.routes();
  server.routes.push_back(status_route(node, std::move(current), guard != nullptr, chat));
  server.routes.push_back(page_route());
  for (auto& route : health_routes(node.health())) server.routes.push_back(std::move(route));
  if (guard) {
    server.admit = [guard = std::move(guard)](http::Request& request) {
      return guard->admit(request);
    };
  } else if (!transport::is_loopback(*settings.api.listen)) {
    logger.warning("the API asks nobody for a key, and other hosts may reach it",
                   {{"listen", transport::to_string(*settings.api.listen)},
                    {"mend", "set api.keys (--api-keys), or listen on loopback"}});
  }
  server.render_fault = [](const http::Fault& fault) {
    return api::error_response({fault.status, fault.sentence});
  };
  server.report_exception = [logger](const std::string& what) {
    logger.error("a request failed", {{"why", what}});
  };
  auto started = http::Server::start(*settings.api.listen, std::move(server));
  if (!started) return failed("cannot serve the API on " + started.error().message);
  api->server_ = std::move(*started);
  return api;
}

bool EdgeApi::drain(std::chrono::milliseconds limit) {
  health_->enter(NodeState::draining);
  return service_.wait_until_idle(limit);
}

}  // namespace cecollm::apps
