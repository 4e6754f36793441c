#include "apps/api_server.hpp"

#include <utility>

#include "apps/web_page_guard.hpp"
#include "model/chat_template.hpp"

namespace cecollm::apps {
namespace {

/// Beside those that generate: probes, lists, clients that are told to come back.
constexpr std::size_t spare_connections = 32;
constexpr std::size_t max_request_bytes = 4U << 20U;

std::optional<http::Response> refuse_foreign_pages(const http::Request& request) {
  if (is_for_loopback(request) && !is_from_another_site(request)) return std::nullopt;
  return api::error_response({403,
                              "this address is for programs on this machine, not for web pages of "
                              "other sites: give it keys (--api-keys) to serve those"});
}

}  // namespace

void read_chat_template(const ModelSettings& model, api::ServiceSetting& service,
                        const monitoring::Logger& logger) {
  auto chat = model::ChatTemplate::load(model.directory);
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

Outcome<http::Server> start_api_server(const ApiSettings& settings, std::vector<http::Route> routes,
                                       const std::shared_ptr<NodeHealth>& health,
                                       std::shared_ptr<const KeyGuard> guard,
                                       const monitoring::Logger& logger) {
  http::Setting server;
  server.limits.max_connections = settings.max_streams + spare_connections;
  server.limits.max_body_bytes = max_request_bytes;
  server.routes = std::move(routes);
  for (auto& route : health_routes(health)) server.routes.push_back(std::move(route));
  if (guard) {
    server.admit = [guard = std::move(guard)](http::Request& request) {
      return guard->admit(request);
    };
  } else if (transport::is_loopback(*settings.listen)) {
    server.admit = refuse_foreign_pages;
  } else {
    logger.warning("the API asks nobody for a key, and other hosts may reach it",
                   {{"listen", transport::to_string(*settings.listen)},
                    {"mend", "set api.keys (--api-keys), or listen on loopback"}});
  }
  server.render_fault = [](const http::Fault& fault) {
    return api::error_response({fault.status, fault.sentence});
  };
  server.report_exception = [logger](const std::string& what) {
    logger.error("a request failed", {{"why", what}});
  };
  auto started = http::Server::start(*settings.listen, std::move(server));
  if (!started) return failed("cannot serve the API on " + started.error().message);
  return std::move(*started);
}

}  // namespace cecollm::apps
