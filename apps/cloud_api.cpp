#include "apps/cloud_api.hpp"

#include <utility>

#include "apps/api_server.hpp"
#include "apps/node_info.hpp"
#include "apps/tokenizer_source.hpp"

namespace cecollm::apps {
namespace {

/// The longest wait for a token where a request names none.
constexpr std::chrono::minutes token_limit{1};

/// An edge that can do nothing by itself.
actors::EdgeSetting edge_setting(const CloudNode& node, const CloudSettings& settings,
                                 std::shared_ptr<const model::Tokenizer> tokenizer,
                                 monitoring::EdgeMetrics& metrics,
                                 const monitoring::Logger& logger) {
  actors::EdgeSetting edge;
  edge.config = node.config();
  edge.tokenizer = std::move(tokenizer);
  edge.link = node.own_link();
  edge.probe.heartbeat = settings.link.heartbeat;
  edge.mode.preferred = policy::Mode::cloud_only;
  edge.adaptive = false;
  edge.max_generations = settings.api.max_streams;
  edge.metrics = &metrics;
  edge.logger = logger;
  edge.end_log_level = monitoring::LogLevel::info;
  return edge;
}

/// What requests leave out.
actors::GenerationRequest default_request() {
  actors::GenerationRequest request;
  request.mode = policy::Mode::cloud_only;
  request.token_deadline = request.first_token_deadline = token_limit;
  return request;
}

}  // namespace

CloudApi::CloudApi(CloudNode& node, const CloudSettings& settings)
    : system_(node.system()),
      health_(node.health()),
      metrics_(node.registry(), registry_,
               edge_labels(settings.model, node.config(), node.digest())) {}

Outcome<std::unique_ptr<CloudApi>> CloudApi::start(CloudNode& node, const CloudSettings& settings,
                                                   std::shared_ptr<const KeyGuard> guard,
                                                   const monitoring::Logger& logger) {
  if (!node.serves_cloud_only()) {
    return misused("the HTTP API (api.listen) needs the shallow layers, and " +
                   settings.model.directory.string() +
                   " has none: give the cloud the whole model, or no api.listen");
  }
  auto tokenizer = load_optional_tokenizer(settings.model.directory);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  const auto& config = node.config();
  std::unique_ptr<CloudApi> api(new CloudApi(node, settings));
  api->supervisor_ = node.system().spawn(
      actors::edge_supervisor, edge_setting(node, settings, *tokenizer, api->metrics_, logger));
  api::ServiceSetting service;
  service.system = &node.system();
  service.edge = api->supervisor_;
  service.model = {.name = model_name(settings.model),
                   .vocabulary = config.vocab_size,
                   .max_positions = config.max_positions,
                   .exit_layers = config.exits->layers,
                   .modes = {policy::Mode::cloud_only},
                   .has_tokenizer = *tokenizer != nullptr};
  service.tokenizer = *tokenizer;
  read_chat_template(settings.model, service, logger);
  service.max_streams = settings.api.max_streams;
  service.defaults = default_request;
  service.accepting = [health = node.health()] {
    return health->state() == NodeState::ready;
  };
  api->service_.emplace(std::move(service));
  auto server = start_api_server(settings.api, api->service_->routes(), node.health(),
                                 std::move(guard), logger);
  if (!server) return tl::unexpected(server.error());
  api->server_ = std::move(*server);
  return api;
}

CloudApi::~CloudApi() {
  server_.reset();
  end_supervisor(system_, supervisor_, actors::Shutdown{});
}

bool CloudApi::drain(std::chrono::milliseconds limit) {
  health_->enter(NodeState::draining);
  return service_->wait_until_idle(limit);
}

}  // namespace cecollm::apps
