#pragma once
// An edge's HTTP API as the commands run it.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "api/service.hpp"
#include "apps/edge_node.hpp"
#include "apps/failure.hpp"
#include "apps/key_guard.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"
#include "monitoring/log.hpp"

namespace cecollm::apps {

/// Serves from start() to its destruction, which cancels what still runs. Ends before its node.
class EdgeApi {
 public:
  /// `settings` has the API's address; `current` gives the settings as they are now, from any
  /// thread; a null `guard` lets everybody in. Fails where the address cannot be had.
  static Outcome<std::unique_ptr<EdgeApi>> start(EdgeNode& node, const EdgeSettings& settings,
                                                 std::function<EdgeSettings()> current,
                                                 std::shared_ptr<const KeyGuard> guard,
                                                 const monitoring::Logger& logger);
  EdgeApi(const EdgeApi&) = delete;
  EdgeApi& operator=(const EdgeApi&) = delete;

  /// With the real port where port 0 was asked for.
  const transport::Endpoint& bound() const { return server_->bound(); }

  /// Takes nothing new and waits for what runs; false where `limit` passes first.
  bool drain(std::chrono::milliseconds limit);

 private:
  EdgeApi(std::shared_ptr<NodeHealth> health, api::ServiceSetting setting);

  std::shared_ptr<NodeHealth> health_;
  api::Service service_;
  std::optional<http::Server> server_;  // ends first
};

}  // namespace cecollm::apps
