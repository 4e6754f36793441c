#pragma once
// An edge as one object: model, tokenizer, actor system and supervisor, for the commands.

#include <functional>
#include <memory>
#include <optional>

#include "actors/edge_supervisor.hpp"
#include "actors/generation_types.hpp"
#include "actors/system_config.hpp"
#include "apps/engine_wrap.hpp"
#include "apps/failure.hpp"
#include "apps/generation_report.hpp"
#include "apps/node_health.hpp"
#include "apps/node_setup.hpp"
#include "apps/prompt_flags.hpp"
#include "apps/settings.hpp"
#include "http/server.hpp"
#include "model/engine.hpp"
#include "model/tokenizer.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

/// Called on the caller's thread; false cancels the generation.
using TokenSink = std::function<bool(const actors::TokenEvent&)>;

/// Starts on construction; the destructor says goodbye to the cloud and joins all actors.
class EdgeNode {
 public:
  static Outcome<std::unique_ptr<EdgeNode>> start(const EdgeSettings& settings,
                                                  const monitoring::Logger& logger,
                                                  const EngineWrap& wrap = {});
  ~EdgeNode();
  EdgeNode(const EdgeNode&) = delete;
  EdgeNode& operator=(const EdgeNode&) = delete;

  const model::ModelConfig& config() const { return engine_->config(); }
  const model::Tokenizer* tokenizer() const { return tokenizer_.get(); }

  const std::shared_ptr<const model::Tokenizer>& shared_tokenizer() const { return tokenizer_; }
  const std::shared_ptr<NodeHealth>& health() const { return health_; }
  const monitoring::EdgeMetrics& metrics() const { return *metrics_; }
  /// For actors of the caller's own, which end before the node does.
  caf::actor_system& system() { return system_; }
  const actors::edge_supervisor_actor& supervisor() const { return supervisor_; }

  /// Blocks until the first attempt to connect has come to something, at most `limit`.
  actors::LinkReport await_link(std::chrono::milliseconds limit);
  actors::LinkReport link_report();

  /// What the link's connections prove themselves with; null where there is no link, or no TLS.
  const std::shared_ptr<transport::TlsContext>& tls() const { return tls_; }

  /// False once an actor of the edge has died: the process should end.
  bool alive() const { return apps::alive(supervisor_); }

  /// Thresholds, deadlines, mode and supervisor settings take effect at the next token; the rest
  /// needs a restart. Fails where thresholds do not fit the model's exits.
  Outcome<void> reconfigure(const EdgeSettings& settings);

  /// Holds `mode` whatever the link does, over reloads too, until another is given or none, which
  /// leaves the choice to the edge. Fails where the edge has no cloud, or where `current` settings
  /// prefer another mode that uses one.
  Outcome<void> hold_mode(std::optional<policy::Mode> mode, const EdgeSettings& current);

  /// Runs one generation to its end; blocks. Any number of threads may call it at a time.
  Outcome<actors::GenerationFinished> generate(actors::GenerationRequest request,
                                               const TokenSink& on_token);

 private:
  EdgeNode(std::shared_ptr<model::Engine> engine, std::shared_ptr<const model::Tokenizer> tokenizer,
           std::shared_ptr<prometheus::Registry> registry, std::shared_ptr<NodeHealth> health,
           std::optional<http::Server> monitoring_server, const monitoring::EdgeLabels& labels);

  std::shared_ptr<model::Engine> engine_;
  std::shared_ptr<const model::Tokenizer> tokenizer_;
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<monitoring::EdgeMetrics> metrics_;
  std::shared_ptr<NodeHealth> health_;
  std::optional<http::Server> monitoring_server_;
  std::shared_ptr<transport::TlsContext> tls_;
  actors::SystemConfig config_;
  caf::actor_system system_;
  actors::edge_supervisor_actor supervisor_;
};

/// The request that `settings` describe, less its prompt. Fails where thresholds do not fit the
/// model's exits.
Outcome<actors::GenerationRequest> request_from(const EdgeSettings& settings,
                                                const model::ModelConfig& config);

/// Called after each token, on the caller's thread; false cancels the generation.
using ReportSink = std::function<bool(const ReportedToken&)>;

/// Runs `prompt` as `settings` say and collects what came of it.
Outcome<GenerationReport> generate_on_edge(EdgeNode& node, const EdgeSettings& settings,
                                           const Prompt& prompt, const ReportSink& on_token);

}  // namespace cecollm::apps
