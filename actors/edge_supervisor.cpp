#include "actors/edge_supervisor.hpp"

#include <algorithm>
#include <utility>

#include "actors/exit_decision.hpp"
#include "actors/shallow_compute.hpp"

namespace cecollm::actors {
namespace {

using Self = edge_supervisor_actor::stateful_pointer<EdgeSupervisorState>;

/// Monitored, so that we hear of their end; linked, so that they end with us, however that comes.
constexpr auto child_options = caf::monitored + caf::linked;

void spawn_children(Self self) {
  auto& state = self->state;
  auto& setting = state.setting;
  state.decisions = self->spawn<child_options>(exit_decision, setting.metrics);
  if (setting.link) {
    setting.link->metrics = setting.metrics;
    setting.probe.metrics = setting.metrics;
    state.link = self->spawn<child_options>(cloud_link, *setting.link);
    state.probe = self->spawn<child_options>(network_probe, setting.probe, state.link);
  }
  if (setting.detached) {
    if (setting.tokenizer) {
      state.tokenizer = self->spawn<child_options + caf::detached>(tokenizer, setting.tokenizer);
    }
    state.shallow = self->spawn<child_options + caf::detached>(shallow_compute, setting.engine,
                                                               state.decisions, state.link);
  } else {
    if (setting.tokenizer)
      state.tokenizer = self->spawn<child_options>(tokenizer, setting.tokenizer);
    state.shallow =
        self->spawn<child_options>(shallow_compute, setting.engine, state.decisions, state.link);
  }
}

GenerationSetting setting_for(const EdgeSupervisorState& state, GenerationId id) {
  const auto& config = state.setting.engine->config();
  GenerationSetting setting;
  setting.id = id;
  setting.tokenizer_handle = state.tokenizer;
  setting.shallow = state.shallow;
  setting.decisions = state.decisions;
  setting.link = state.link;
  setting.vocabulary = state.setting.tokenizer;
  setting.eos = config.eos;
  setting.max_positions = config.max_positions;
  setting.num_layers = config.num_layers;
  setting.cut = config.exits ? config.exits->layers.front() : config.num_layers;
  setting.metrics = state.setting.metrics;
  return setting;
}

GenerationStarted start(Self self, const StartGeneration& start) {
  auto& state = self->state;
  const auto id = ++state.last_generation;
  if (state.shutting_down || state.generations.size() >= state.setting.max_generations) {
    GenerationFinished refused;
    refused.generation = id;
    refused.reason = FinishReason::failed;
    refused.error = state.shutting_down
                        ? "the edge is shutting down"
                        : "the edge runs " + std::to_string(state.generations.size()) +
                              " generations, as many as it may";
    caf::anon_send(start.client, std::move(refused));
    return {id};
  }
  state.generations[id] =
      self->spawn<child_options>(generation, setting_for(state, id), start.request, start.client);
  return {id};
}

/// Second half of the shutdown: no generation is left that needs the others.
void end_children(Self self) {
  auto& state = self->state;
  if (state.link) {
    self->send(state.link, Shutdown{});  // its end brings ours, see child_down
    return;
  }
  self->quit(caf::exit_reason::user_shutdown);
}

void child_down(Self self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto ended =
      std::find_if(state.generations.begin(), state.generations.end(),
                   [&](const auto& entry) { return entry.second.address() == down.source; });
  if (ended != state.generations.end()) {
    state.generations.erase(ended);
    if (state.shutting_down && state.generations.empty()) end_children(self);
    return;
  }
  if (state.shutting_down) {
    if (state.link && down.source == state.link.address()) {
      self->quit(caf::exit_reason::user_shutdown);
    }
    return;
  }
  // An actor that died of an exception leaves nothing that could be trusted to go on.
  state.setting.logger.error("an actor of the edge died", {{"why", caf::to_string(down.reason)}});
  for (const auto& [id, handle] : state.generations) {
    self->send(handle,
               ComputeFailed{{model::ErrorCode::unsupported,
                              "an actor of the edge died: " + caf::to_string(down.reason)}});
  }
  self->quit(down.reason);
}

}  // namespace

edge_supervisor_actor::behavior_type edge_supervisor(Self self, EdgeSetting setting) {
  self->state.setting = std::move(setting);
  spawn_children(self);
  self->set_down_handler([self](const caf::down_msg& down) { child_down(self, down); });
  // Children's ends are heard of as down messages.
  self->set_exit_handler([](const caf::exit_msg&) {});
  return {
      [self](const StartGeneration& request) { return start(self, request); },
      [self](const CancelGeneration& cancel) {
        const auto found = self->state.generations.find(cancel.generation);
        if (found != self->state.generations.end()) self->send(found->second, cancel);
      },
      [self](GetLinkReport question) -> caf::result<LinkReport> {
        if (!self->state.probe) return LinkReport{};
        return self->delegate(self->state.probe, question);
      },
      [self](AwaitLink question) -> caf::result<LinkReport> {
        if (!self->state.probe) return LinkReport{};
        return self->delegate(self->state.probe, question);
      },
      [self](const Shutdown&) {
        auto& state = self->state;
        if (std::exchange(state.shutting_down, true)) return;
        for (const auto& [id, handle] : state.generations) {
          self->send(handle, CancelGeneration{id});
        }
        if (state.generations.empty()) end_children(self);
      },
  };
}

}  // namespace cecollm::actors
