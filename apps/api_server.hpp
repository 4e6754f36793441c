#pragma once
// The server around a node's HTTP API, alike for edge and cloud.

#include <memory>
#include <vector>

#include "api/service.hpp"
#include "apps/failure.hpp"
#include "apps/key_guard.hpp"
#include "apps/node_health.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"
#include "monitoring/log.hpp"

namespace cecollm::apps {

/// Chats need a template that the model brings along. One that cannot be read costs the chats, not
/// the completions; `service` and the log say why.
void read_chat_template(const ModelSettings& model, api::ServiceSetting& service,
                        const monitoring::Logger& logger);

/// Serves `routes` and the node's health at the API's address, which is set, until the server's
/// end. A null `guard` lets everybody in but, on loopback, web pages of other sites. Fails where
/// the address cannot be had.
Outcome<http::Server> start_api_server(const ApiSettings& settings, std::vector<http::Route> routes,
                                       const std::shared_ptr<NodeHealth>& health,
                                       std::shared_ptr<const KeyGuard> guard,
                                       const monitoring::Logger& logger);

}  // namespace cecollm::apps
