#pragma once
// A cloud as one object: model, actor system and supervisor, for the commands.

#include <memory>
#include <optional>

#include "actors/cloud_link.hpp"
#include "actors/cloud_supervisor.hpp"
#include "actors/system_config.hpp"
#include "apps/engine_wrap.hpp"
#include "apps/failure.hpp"
#include "apps/node_health.hpp"
#include "apps/node_setup.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"
#include "model/checkpoint.hpp"
#include "model/engine.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"
#include "transport/memory_network.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

/// Listens once started; the destructor dismisses the edges and joins all actors.
class CloudNode {
 public:
  static Outcome<std::unique_ptr<CloudNode>> start(const CloudSettings& settings,
                                                   const monitoring::Logger& logger,
                                                   const EngineWrap& wrap = {});
  ~CloudNode();
  CloudNode(const CloudNode&) = delete;
  CloudNode& operator=(const CloudNode&) = delete;

  /// Where edges connect, with the real port where port 0 was asked for.
  const transport::Endpoint& bound() const { return bound_; }
  const std::shared_ptr<NodeHealth>& health() const { return health_; }
  const monitoring::CloudMetrics& metrics() const { return *metrics_; }
  /// Of what /metrics shows.
  prometheus::Registry& registry() { return *registry_; }
  const model::ModelConfig& config() const { return model_config_; }
  const std::string& digest() const { return identity_.shared_digest; }
  /// It has the shallow layers too, and was not told to leave them out.
  bool serves_cloud_only() const { return serves_cloud_only_; }
  /// For actors of the caller's own, which end before the node does.
  caf::actor_system& system() { return system_; }

  /// A link to this cloud from its own process, without sockets and as no edge could have it: it
  /// is let in whatever link.allow says.
  actors::CloudLinkSetting own_link() const;
  /// What the connections prove themselves with; null without TLS.
  const std::shared_ptr<transport::TlsContext>& tls() const { return tls_; }

  /// link.allow takes effect at once, also on edges that are connected; the rest needs a restart.
  void reconfigure(const CloudSettings& settings);

  /// False once an actor of the cloud has died: the process should end.
  bool alive() const { return apps::alive(supervisor_); }

 private:
  CloudNode(std::shared_ptr<prometheus::Registry> registry, std::shared_ptr<NodeHealth> health,
            std::optional<http::Server> monitoring_server, const monitoring::CloudLabels& labels,
            const CloudSettings& settings);
  /// Those of the settings, and this process.
  policy::AllowList allowed(policy::AllowList names) const;

  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<monitoring::CloudMetrics> metrics_;
  std::shared_ptr<NodeHealth> health_;
  std::optional<http::Server> monitoring_server_;
  std::shared_ptr<transport::TlsContext> tls_;
  model::ModelConfig model_config_;
  model::ModelIdentity identity_;
  bool serves_cloud_only_ = false;
  const std::string row_dtype_;
  const std::string own_name_;  // of this process as a client; no certificate has it
  actors::SystemConfig config_;
  caf::actor_system system_;
  transport::MemoryNetwork within_;  // this process
  actors::cloud_supervisor_actor supervisor_;
  transport::Endpoint bound_;
};

}  // namespace cecollm::apps
