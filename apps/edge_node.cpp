#include "apps/edge_node.hpp"

#include <algorithm>
#include <utility>

#include "actors/handshake.hpp"
#include "apps/budget_file.hpp"
#include "apps/edge_link.hpp"
#include "apps/monitoring_server.hpp"
#include "apps/node_info.hpp"
#include "apps/node_setup.hpp"
#include "apps/tokenizer_source.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

/// A generation has deadlines of its own; this only bounds a broken one.
constexpr std::chrono::minutes generation_limit{24 * 60};

/// The timeline comes at the end of a generation, a wrong path is to be known before.
Outcome<void> check_trace_file(const std::filesystem::path& file) {
  if (file.empty() ||
      std::filesystem::is_directory(std::filesystem::absolute(file).parent_path())) {
    return {};
  }
  return misused("log.trace_file (--trace-file): " + file.string() +
                 " is in no directory that exists; make it, or name another file");
}

}  // namespace

Outcome<actors::GenerationRequest> request_from(const EdgeSettings& settings,
                                                const model::ModelConfig& config) {
  const auto& given = settings.generation;
  actors::GenerationRequest request;
  auto thresholds =
      thresholds_for(given.thresholds, config.exits ? config.exits->layers.size() : 0);
  if (!thresholds) return tl::unexpected(thresholds.error());
  request.thresholds = std::move(*thresholds);
  request.mode = policy_mode(given.mode).value_or(policy::Mode::standalone);
  request.max_tokens = given.max_tokens;
  request.ask_ahead = given.ask_ahead;
  request.ignore_eos = given.ignore_eos;
  request.stop = given.stop;
  request.sampling = given.sampling;
  request.token_deadline = given.token_deadline;
  request.first_token_deadline = given.first_token_deadline;
  return request;
}

EdgeNode::EdgeNode(std::shared_ptr<model::Engine> engine,
                   std::shared_ptr<const model::Tokenizer> tokenizer,
                   std::shared_ptr<prometheus::Registry> registry,
                   std::shared_ptr<NodeHealth> health,
                   std::optional<http::Server> monitoring_server,
                   const monitoring::EdgeLabels& labels)
    : engine_(std::move(engine)),
      tokenizer_(std::move(tokenizer)),
      registry_(std::move(registry)),
      metrics_(std::make_unique<monitoring::EdgeMetrics>(*registry_, labels)),
      health_(std::move(health)),
      monitoring_server_(std::move(monitoring_server)),
      system_(config_) {}

Outcome<std::unique_ptr<EdgeNode>> EdgeNode::start(const EdgeSettings& settings,
                                                   const monitoring::Logger& logger,
                                                   const EngineWrap& wrap) {
  if (auto usable = check_trace_file(settings.monitoring.trace_file); !usable) {
    return tl::unexpected(usable.error());
  }
  // Serves from here on, so that probes and people see a node that loads.
  auto registry = std::make_shared<prometheus::Registry>();
  auto health = std::make_shared<NodeHealth>();
  auto monitoring_server = start_monitoring_server(settings.monitoring, registry, health);
  if (!monitoring_server) return tl::unexpected(monitoring_server.error());
  auto checkpoint = model::Checkpoint::open(settings.model.directory, settings.model.exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  if (!checkpoint->config().exits) {
    return misused(settings.model.directory.string() +
                   "/config.json names no early exits: give --exit-layers, or use --mode full");
  }
  const auto identity = checkpoint->identity();
  if (!identity) return tl::unexpected(to_failure(identity.error()));
  auto tokenizer = load_optional_tokenizer(settings.model.directory);
  if (!tokenizer) return tl::unexpected(tokenizer.error());

  const auto* codec = model::find_row_codec(model::name_of(settings.link.row_dtype));
  model::set_compute_threads(settings.model.threads);
  auto engine = model::load_engine(*checkpoint, model::Part::edge,
                                   {.dtype = settings.model.dtype,
                                    .row_codec = codec,
                                    .weights = settings.model.weights,
                                    .device = settings.model.device});
  if (!engine) return tl::unexpected(to_failure(engine.error()));
  std::unique_ptr<EdgeNode> node(
      new EdgeNode(wrapped(std::move(*engine), wrap), std::move(*tokenizer), std::move(registry),
                   std::move(health), std::move(*monitoring_server),
                   edge_labels(settings.model, checkpoint->config(), identity->shared_digest)));
  actors::EdgeSetting setting;
  setting.engine = node->engine_;
  setting.tokenizer = node->tokenizer_;
  setting.metrics = node->metrics_.get();
  setting.logger = logger;
  // Who serves others accounts for each request; who answers at a terminal has said all there.
  if (settings.api.listen) setting.end_log_level = monitoring::LogLevel::info;
  setting.trace_file = settings.monitoring.trace_file;
  setting.probe.heartbeat = settings.link.heartbeat;
  setting.mode = settings.supervisor;
  setting.adaptive = settings.adaptive;
  setting.conversations = settings.conversations;
  setting.max_generations = std::max(setting.max_generations, settings.api.max_streams);
  if (!settings.clouds.empty()) {
    const auto links = EdgeLinks::prepare(
        settings, {actors::to_wire(*identity), codec, checkpoint->config().hidden_size});
    if (!links) return tl::unexpected(links.error());
    node->tls_ = links->tls();
    setting.link = links->make(settings.emulated_link);
    if (const auto& file = settings.upload_budget_file; !file.empty()) {
      const auto spent = load_spent_budget(file, setting.link->today());
      if (!spent) return tl::unexpected(spent.error());
      setting.link->budget_file = actors::BudgetFile{file, *spent, logger};
    }
  }
  node->supervisor_ = node->system_.spawn(actors::edge_supervisor, std::move(setting));
  node->health_->enter(NodeState::ready);
  return node;
}

EdgeNode::~EdgeNode() {
  health_->enter(NodeState::draining);
  end_supervisor(system_, supervisor_, actors::Shutdown{});
}

actors::LinkReport EdgeNode::await_link(std::chrono::milliseconds limit) {
  caf::scoped_actor self{system_};
  actors::LinkReport report;
  self->request(supervisor_, limit, actors::AwaitLink{})
      .receive([&](const actors::LinkReport& answer) { report = answer; },
               [&](const caf::error&) { report.problem = "no connection yet"; });
  return report;
}

actors::LinkReport EdgeNode::link_report() {
  caf::scoped_actor self{system_};
  actors::LinkReport report;
  self->request(supervisor_, actor_limit, actors::GetLinkReport{})
      .receive([&](const actors::LinkReport& answer) { report = answer; },
               [&](const caf::error& error) { report.problem = caf::to_string(error); });
  return report;
}

Outcome<void> EdgeNode::reconfigure(const EdgeSettings& settings) {
  auto request = request_from(settings, config());
  if (!request) return tl::unexpected(request.error());
  caf::anon_send(
      supervisor_,
      actors::Reconfigure{settings.supervisor, settings.adaptive, std::move(request->thresholds),
                          request->token_deadline, request->first_token_deadline});
  return {};
}

Outcome<void> EdgeNode::hold_mode(std::optional<policy::Mode> mode, const EdgeSettings& current) {
  const bool alone = !mode || *mode == policy::Mode::standalone;
  if (current.clouds.empty()) {
    if (alone) return {};
    return misused("this edge has no cloud (link.cloud), so it is standalone");
  }
  const auto preferred = current.supervisor.preferred;
  if (!alone && *mode != preferred) {
    return misused("this edge works in mode " + std::string(policy::name_of(preferred)) +
                   " or standalone; generation.mode chooses another");
  }
  caf::scoped_actor self{system_};
  Outcome<void> done;
  self->request(supervisor_, actor_limit, actors::HoldMode{mode})
      .receive([](const actors::LinkReport&) {},
               [&](const caf::error& error) {
                 done = failed("the edge does not answer: " + caf::to_string(error));
               });
  return done;
}

Outcome<actors::GenerationFinished> EdgeNode::generate(actors::GenerationRequest request,
                                                       const TokenSink& on_token) {
  caf::scoped_actor self{system_};
  actors::GenerationId id = 0;
  std::string problem;
  self->request(supervisor_, actor_limit,
                actors::StartGeneration{std::move(request), caf::actor_cast<caf::actor>(self)})
      .receive([&](const actors::GenerationStarted& started) { id = started.generation; },
               [&](const caf::error& error) { problem = caf::to_string(error); });
  if (!problem.empty()) return failed("the edge did not start the generation: " + problem);
  self->monitor(supervisor_);
  std::optional<actors::GenerationFinished> finished;
  bool cancelled = false;
  bool running = true;
  self->receive_while(running)(
      [&](const actors::TokenEvent& token) {
        if (!cancelled && !on_token(token)) {
          cancelled = true;
          self->send(supervisor_, actors::CancelGeneration{id});
        }
      },
      [&](const actors::GenerationFinished& end) {
        finished = end;
        running = false;
      },
      [&](const caf::down_msg&) { running = false; },
      caf::after(generation_limit) >> [&] { running = false; });
  if (!finished) return failed("the generation did not end");
  if (finished->reason == actors::FinishReason::failed) {
    return tl::unexpected(
        Failure{finished->user_error ? ExitCode::misused : ExitCode::failed, finished->error});
  }
  return *finished;
}

Outcome<GenerationReport> generate_on_edge(EdgeNode& node, const EdgeSettings& settings,
                                           const Prompt& prompt, const ReportSink& on_token) {
  auto request = request_from(settings, node.config());
  if (!request) return tl::unexpected(request.error());
  request->prompt = prompt;
  GenerationReport report;
  report.mode = name_of(settings.generation.mode);
  const auto end = node.generate(std::move(*request), [&](const actors::TokenEvent& token) {
    add_token(report, token);
    return on_token(report.tokens.back());
  });
  if (!end) return tl::unexpected(end.error());
  add_end(report, *end);
  return report;
}

}  // namespace cecollm::apps
