#include "apps/load_run.hpp"

#include <utility>

#include "load/load_driver.hpp"
#include "load/type_ids.hpp"

#include "actors/shallow_compute.hpp"
#include "apps/edge_link.hpp"
#include "apps/edge_node.hpp"
#include "apps/node_info.hpp"
#include "apps/node_setup.hpp"

namespace cecollm::apps {
namespace {

constexpr std::chrono::milliseconds progress_interval{200};
constexpr std::chrono::seconds driver_limit{60};

actors::GenerationRequest request_of(const EdgeSettings& settings, const LoadMaterial& material) {
  actors::GenerationRequest request;
  request.thresholds = material.thresholds;
  request.mode = policy::Mode::collaborative;
  request.token_deadline = settings.generation.token_deadline;
  request.first_token_deadline = settings.generation.first_token_deadline;
  // A replay goes on to its recorded end, whatever tokens come.
  request.ignore_eos = material.recording != nullptr || settings.generation.ignore_eos;
  if (!material.recording) request.sampling = settings.generation.sampling;
  return request;
}

/// Passes on what the driver says until it has ended.
Outcome<LoadResult> follow(caf::scoped_actor& self, const load::load_driver_actor& driver,
                           Termination& termination, const ProgressSink& on_progress) {
  std::optional<load::LoadEnded> ended;
  bool down = false;
  bool stopped = false;
  while (!down) {
    if (!stopped && termination.wait_for(std::chrono::milliseconds(0))) {
      stopped = true;
      self->send(driver, load::StopLoad{});
    }
    self->receive([&](const load::LoadEnded& end) { ended = end; },
                  [&](const caf::down_msg&) { down = true; },
                  caf::after(progress_interval) >> [] {});
    if (ended || down) continue;
    self->request(driver, driver_limit, load::GetLoadProgress{})
        .receive([&](const load::LoadProgress& progress) { on_progress(progress); },
                 [](const caf::error&) {
                   // It has just ended, and its down message says so.
                 });
  }
  if (!ended) return failed("the load driver died");
  if (!ended->log) {
    return tl::unexpected(
        Failure{ended->user_error ? ExitCode::misused : ExitCode::failed, ended->problem});
  }
  return LoadResult{ended->log, ended->problem};
}

}  // namespace

Outcome<LoadResult> run_load(const EdgeSettings& settings, LoadMaterial material,
                             const LoadChoices& choices, std::size_t edges,
                             const monitoring::Logger& logger, Termination& termination,
                             const ProgressSink& on_progress) {
  const auto links =
      EdgeLinks::prepare(settings, {material.digests, material.codec, material.config.hidden_size});
  if (!links) return tl::unexpected(links.error());
  prometheus::Registry registry;
  monitoring::EdgeMetrics metrics(
      registry, edge_labels(settings.model, material.config, material.digests.shared));
  const auto emulated = load::draw_links(choices.links, edges, choices.plan.seed + 2);
  const auto request = request_of(settings, material);

  load::LoadSystemConfig config;
  caf::actor_system system(config);
  caf::scoped_actor self(system);
  actors::shallow_compute_actor shallow;
  if (material.engine) {
    shallow = system.spawn<caf::detached>(actors::shallow_compute, material.engine);
  }
  load::LoadSetting setting;
  setting.plan = choices.plan;
  setting.edges = edges;
  setting.prompts =
      std::make_shared<const std::vector<load::LoadPrompt>>(std::move(material.prompts));
  setting.client = caf::actor_cast<caf::actor>(self);
  setting.edge = [&](std::size_t number) {
    load::VirtualEdgeSetting edge;
    edge.recording = material.recording;
    edge.token_time = choices.token_time;
    edge.request = request;
    edge.edge.config = material.config;
    edge.edge.shallow = shallow;
    edge.edge.link =
        links->make(emulated.empty() ? settings.emulated_link : std::optional(emulated[number]));
    edge.edge.probe.heartbeat = settings.link.heartbeat;
    edge.edge.mode = settings.supervisor;
    edge.edge.adaptive = settings.adaptive;
    edge.edge.metrics = &metrics;
    edge.edge.logger = logger;
    if (shallow) {  // which tells generations apart by their ids
      edge.edge.first_generation = number + 1;
      edge.edge.generation_step = edges;
    }
    return edge;
  };
  const auto driver = system.spawn(load::load_driver, std::move(setting));
  self->monitor(driver);
  auto result = follow(self, driver, termination, on_progress);
  if (shallow) self->send_exit(shallow, caf::exit_reason::user_shutdown);
  return result;
}

}  // namespace cecollm::apps
