#pragma once
// Where a node is in its life, and the routes by which probes ask for it.

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace cecollm::apps {

enum class NodeState {
  loading,   // not yet able to serve
  ready,     // serves
  draining,  // ends what runs, takes nothing new
};

/// "loading", "ready", "draining".
std::string_view name_of(NodeState state);

/// Set by the node, read by its servers' threads.
class NodeHealth {
 public:
  NodeState state() const { return state_; }
  void enter(NodeState state) { state_ = state; }

 private:
  std::atomic<NodeState> state_ = NodeState::loading;
};

/// GET /livez: 200 as long as the process answers. GET /readyz and /health: 200 where the node is
/// ready, else 503. GET /version. All are open: probes have no key.
std::vector<http::Route> health_routes(std::shared_ptr<const NodeHealth> health);

}  // namespace cecollm::apps
