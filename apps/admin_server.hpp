#pragma once
// What an operator on the node's own machine may ask of it while it runs: its state, another mode,
// to read its files anew, to end. A server of its own, on loopback only.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/failure.hpp"
#include "apps/reload_watch.hpp"
#include "http/server.hpp"
#include "policy/mode.hpp"
#include "transport/endpoint.hpp"

namespace cecollm::apps {

/// What the node does; called from any thread, several at a time.
struct AdminActions {
  std::function<nlohmann::ordered_json()> status;
  /// Reads everything anew that a SIGHUP would.
  std::function<std::vector<Reloaded>()> reload;
  /// Begins what SIGTERM begins, and returns. Empty of a node that ends otherwise.
  std::function<void()> drain;
  /// Holds a mode whatever the link does, or, where empty, leaves the choice to the edge again;
  /// fails where the edge cannot be in it. Empty of a node without modes.
  std::function<Outcome<void>(std::optional<policy::Mode>)> set_mode;
};

/// GET /status, POST /reload, and where the node can, POST /drain and POST /mode. Fails where the
/// address, which is of loopback, cannot be had.
Outcome<http::Server> start_admin_server(const transport::Endpoint& endpoint, AdminActions actions);

}  // namespace cecollm::apps
