#pragma once
// A cloud's own HTTP API: generations that the cloud computes alone, in one batch with what edges
// ask of it. Behind it is an edge without layers, connected to the cloud in memory.

#include <chrono>
#include <memory>
#include <optional>

#include <prometheus/registry.h>

#include "actors/edge_supervisor.hpp"
#include "api/service.hpp"
#include "apps/cloud_node.hpp"
#include "apps/failure.hpp"
#include "apps/key_guard.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::apps {

/// Serves from start() to its destruction, which cancels what still runs. Ends before its node.
class CloudApi {
 public:
  /// `settings` has the API's address, and the node was started with them; a null `guard` lets
  /// everybody in. Fails where the node has no shallow layers or the address cannot be had.
  static Outcome<std::unique_ptr<CloudApi>> start(CloudNode& node, const CloudSettings& settings,
                                                  std::shared_ptr<const KeyGuard> guard,
                                                  const monitoring::Logger& logger);
  ~CloudApi();
  CloudApi(const CloudApi&) = delete;
  CloudApi& operator=(const CloudApi&) = delete;

  /// With the real port where port 0 was asked for.
  const transport::Endpoint& bound() const { return server_->bound(); }

  /// Takes nothing new and waits for what runs; false where `limit` passes first.
  bool drain(std::chrono::milliseconds limit);

  /// False once an actor of the API has died: the process should end.
  bool alive() const { return apps::alive(supervisor_); }

 private:
  CloudApi(CloudNode& node, const CloudSettings& settings);

  caf::actor_system& system_;
  std::shared_ptr<NodeHealth> health_;
  // Of the edge behind the API; shown nowhere. Its requests are among the cloud's metrics.
  prometheus::Registry registry_;
  monitoring::EdgeMetrics metrics_;
  actors::edge_supervisor_actor supervisor_;
  std::optional<api::Service> service_;
  std::optional<http::Server> server_;  // ends first
};

}  // namespace cecollm::apps
