#include "apps/admin_server.hpp"

#include <memory>
#include <utility>

#include "apps/json_response.hpp"
#include "apps/web_page_guard.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::ordered_json;

/// A person and a script or two; nobody has to send more than a line.
constexpr std::size_t max_operators = 8;
constexpr std::size_t max_order_head = 16U << 10U;
constexpr std::size_t max_order = 4U << 10U;

/// A line, for terminals.
http::Response json_reply(int status, const ordered_json& json) {
  auto response = json_response(status, json);
  response.body += '\n';
  return response;
}

http::Response order_refused(int status, const std::string& sentence) {
  return json_reply(status, {{"error", sentence}});
}

/// Tools send no origin.
std::optional<http::Response> refuse_pages(const http::Request& request) {
  if (is_for_loopback(request) && request.origin.empty()) return std::nullopt;
  return order_refused(403, "this address is for tools on this machine, not for web pages");
}

http::Response order_mode(const AdminActions& actions, const std::string& body) {
  const auto json = ordered_json::parse(body, nullptr, false);
  const bool named = json.is_object() && json.contains("mode") && json.at("mode").is_string();
  const std::string name = named ? json.at("mode").get<std::string>() : "";
  const auto mode = policy::mode_from_name(name);
  if (!mode && name != "auto") {
    return order_refused(
        400,
        "send {\"mode\": \"standalone\"}, or collaborative, cloud-only, or auto, which "
        "leaves it to the edge");
  }
  if (const auto done = actions.set_mode(mode); !done)
    return order_refused(409, done.error().message);
  return json_reply(200, actions.status());
}

http::Response order_reload(const AdminActions& actions) {
  auto files = ordered_json::array();
  bool all = true;
  for (const auto& [what, problem] : actions.reload()) {
    all = all && problem.empty();
    files.push_back({{"what", what},
                     {"reloaded", problem.empty()},
                     {"problem", problem.empty() ? ordered_json() : ordered_json(problem)}});
  }
  return json_reply(all ? 200 : 422, {{"files", std::move(files)}});
}

}  // namespace

Outcome<http::Server> start_admin_server(const transport::Endpoint& endpoint,
                                         AdminActions actions) {
  const auto shared = std::make_shared<const AdminActions>(std::move(actions));
  http::Setting setting;
  setting.limits.max_connections = max_operators;
  setting.limits.max_head_bytes = max_order_head;
  setting.limits.max_body_bytes = max_order;
  setting.admit = refuse_pages;
  setting.render_fault = [](const http::Fault& fault) {
    return order_refused(fault.status, fault.sentence);
  };
  setting.routes = {{"GET", "/status",
                     [shared](const http::Request&, http::Client&) {
                       return json_reply(200, shared->status());
                     }},
                    {"POST", "/reload", [shared](const http::Request&, http::Client&) {
                       return order_reload(*shared);
                     }}};
  if (shared->drain) {
    setting.routes.push_back({"POST", "/drain", [shared](const http::Request&, http::Client&) {
                                shared->drain();
                                return json_reply(202, {{"state", "draining"}});
                              }});
  }
  if (shared->set_mode) {
    setting.routes.push_back(
        {"POST", "/mode", [shared](const http::Request& request, http::Client&) {
           return order_mode(*shared, request.body);
         }});
  }
  auto started = http::Server::start(endpoint, std::move(setting));
  if (!started) return failed("cannot serve the admin address on " + started.error().message);
  return std::move(*started);
}

}  // namespace cecollm::apps
