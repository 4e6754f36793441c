#include "apps/cloud_node.hpp"

#include <utility>

#include "actors/handshake.hpp"
#include "apps/edge_link.hpp"
#include "apps/monitoring_server.hpp"
#include "apps/node_info.hpp"
#include "apps/node_setup.hpp"
#include "apps/version.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"
#include "transport/connection.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::apps {
namespace {

Outcome<actors::DeepEngines> load_engines(const CloudSettings& settings,
                                          const model::Checkpoint& checkpoint,
                                          bool serve_cloud_only) {
  const model::EngineOptions options{
      .dtype = settings.model.dtype,
      .row_codec = model::find_row_codec(model::name_of(settings.link.row_dtype)),
      .device = settings.model.device};
  model::set_compute_threads(settings.model.threads);
  actors::DeepEngines engines;
  const auto part = serve_cloud_only ? model::Part::cloud_only : model::Part::cloud;
  auto loaded = model::load_engine(checkpoint, part, options);
  if (!loaded) return tl::unexpected(to_failure(loaded.error()));
  if (!serve_cloud_only) {
    engines.cloud = std::move(*loaded);
    return engines;
  }
  engines.whole = std::move(*loaded);
  auto cloud = model::share_with_cloud_part(*engines.whole);
  if (!cloud) return tl::unexpected(to_failure(cloud.error()));
  engines.cloud = std::move(*cloud);
  return engines;
}

actors::PeerSetting peer_setting(const CloudSettings& settings, const model::ModelConfig& config,
                                 const model::ModelIdentity& identity, bool serve_cloud_only) {
  actors::PeerSetting peer;
  peer.offer.model = actors::to_wire(identity);
  peer.offer.hidden_size = config.hidden_size;
  peer.welcome.software = "cecollm " + std::string(version());
  peer.welcome.max_frame_bytes = settings.link.max_frame_bytes;
  peer.welcome.max_contexts = static_cast<std::uint32_t>(settings.contexts.max_per_edge);
  peer.welcome.max_positions = static_cast<std::uint32_t>(config.max_positions);
  peer.welcome.heartbeat_ms = static_cast<std::uint32_t>(settings.link.heartbeat.count());
  peer.welcome.cloud_only = serve_cloud_only;
  peer.welcome.resumes = true;
  peer.hello_limit = settings.link.connect_timeout;
  peer.max_prompt_tokens = static_cast<std::size_t>(config.max_positions);
  return peer;
}

actors::ContextStoreSetting store_setting(const CloudSettings& settings,
                                          const model::ModelConfig& config) {
  actors::ContextStoreSetting store;
  store.hidden_size = config.hidden_size;
  store.max_positions = config.max_positions;
  store.max_contexts = settings.contexts.max_total;
  store.max_contexts_per_client = settings.contexts.max_per_edge;
  store.max_contexts_per_identity = settings.contexts.max_per_identity;
  store.max_row_bytes = settings.contexts.row_memory;
  store.max_row_bytes_per_identity = settings.contexts.row_memory_per_identity;
  store.run_ahead = settings.batch.run_ahead;
  store.context_ttl = settings.contexts.idle_ttl;
  store.grace_time = settings.contexts.disconnect_grace;
  return store;
}

}  // namespace

Outcome<std::unique_ptr<CloudNode>> CloudNode::start(const CloudSettings& settings,
                                                     const monitoring::Logger& logger,
                                                     const EngineWrap& wrap) {
  // Serves from here on, so that probes and people see a node that loads.
  auto registry = std::make_shared<prometheus::Registry>();
  auto health = std::make_shared<NodeHealth>();
  auto monitoring_server = start_monitoring_server(settings.monitoring, registry, health);
  if (!monitoring_server) return tl::unexpected(monitoring_server.error());
  auto checkpoint = model::Checkpoint::open(settings.model.directory, settings.model.exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  const auto& config = checkpoint->config();
  if (!config.exits) {
    return misused(settings.model.directory.string() +
                   "/config.json names no early exits: give --exit-layers");
  }
  bool serve_cloud_only = settings.serve_cloud_only;
  if (serve_cloud_only && !checkpoint->holds(model::Part::cloud_only)) {
    logger.warning("cloud-only requests will be refused: no shallow layers here",
                   {{"model", settings.model.directory.string()}});
    serve_cloud_only = false;
  }
  const auto identity = checkpoint->identity();
  if (!identity) return tl::unexpected(to_failure(identity.error()));
  const auto tls = load_tls(transport::TlsRole::server, settings.link);
  if (!tls) return tl::unexpected(tls.error());
  auto engines = load_engines(settings, *checkpoint, serve_cloud_only);
  if (!engines) return tl::unexpected(engines.error());

  monitoring::CloudLabels labels;
  labels.node = node_info(settings.model, config, identity->shared_digest);
  labels.fault_codes = transport::fault_code_names();
  std::unique_ptr<CloudNode> node(new CloudNode(std::move(registry), std::move(health),
                                                std::move(*monitoring_server), labels, settings));
  node->tls_ = *tls;
  node->model_config_ = config;
  node->identity_ = *identity;
  node->serves_cloud_only_ = serve_cloud_only;
  actors::CloudSetting setting;
  setting.logger = logger;
  setting.metrics = node->metrics_.get();
  setting.compute.engines.cloud = wrapped(std::move(engines->cloud), wrap);
  if (engines->whole) setting.compute.engines.whole = wrapped(std::move(engines->whole), wrap);
  setting.compute.batch = settings.batch.limits;
  setting.compute.max_waiting = settings.batch.max_waiting;
  setting.compute.run_ahead = settings.batch.run_ahead;
  setting.compute.kv_budget = static_cast<std::int64_t>(settings.contexts.kv_memory);
  setting.store = store_setting(settings, config);
  setting.store.allowed = node->allowed(settings.allowed);
  setting.peer = peer_setting(settings, config, *identity, serve_cloud_only);
  setting.listen = [&system = node->system_, endpoint = settings.listen, tls = *tls,
                    limits = connection_limits(settings.link), max = settings.max_connections,
                    within = node->within_](transport::OwnerFactory make_owner) mutable {
    within.listen("this cloud", make_owner);
    return transport::listen(system, endpoint, tls, limits, max, std::move(make_owner));
  };
  node->supervisor_ = node->system_.spawn(actors::cloud_supervisor, std::move(setting));

  caf::scoped_actor self{node->system_};
  std::optional<Failure> problem;
  self->request(node->supervisor_, actor_limit, actors::StartListening{})
      .receive(
          [&](const actors::ListenOutcome& outcome) {
            if (outcome.error) problem = to_failure(*outcome.error);
            node->bound_ = outcome.bound;
          },
          [&](const caf::error& error) {
            problem =
                Failure{ExitCode::failed, "the cloud did not start: " + caf::to_string(error)};
          });
  if (problem) return tl::unexpected(*problem);
  node->health_->enter(NodeState::ready);
  return node;
}

CloudNode::CloudNode(std::shared_ptr<prometheus::Registry> registry,
                     std::shared_ptr<NodeHealth> health,
                     std::optional<http::Server> monitoring_server,
                     const monitoring::CloudLabels& labels, const CloudSettings& settings)
    : registry_(std::move(registry)),
      metrics_(std::make_unique<monitoring::CloudMetrics>(*registry_, labels)),
      health_(std::move(health)),
      monitoring_server_(std::move(monitoring_server)),
      row_dtype_(model::name_of(settings.link.row_dtype)),
      own_name_("this cloud, " + monitoring::hexadecimal(random_number())),
      system_(config_),
      within_(system_, connection_limits(settings.link)) {}

policy::AllowList CloudNode::allowed(policy::AllowList names) const {
  names.add(own_name_);
  return names;
}

actors::CloudLinkSetting CloudNode::own_link() const {
  auto link = link_setting(
      {actors::to_wire(identity_), model::find_row_codec(row_dtype_), model_config_.hidden_size});
  link.dials.push_back([within = within_, name = own_name_](const caf::actor& owner) mutable {
    within.dial(name, owner);
  });
  return link;
}

void CloudNode::reconfigure(const CloudSettings& settings) {
  caf::anon_send(supervisor_, actors::AllowEdges{allowed(settings.allowed)});
}

CloudNode::~CloudNode() {
  health_->enter(NodeState::draining);
  within_.stop_listening();
  end_supervisor(system_, supervisor_, actors::StopCloud{});
}

}  // namespace cecollm::apps
