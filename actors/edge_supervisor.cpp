#include "actors/edge_supervisor.hpp"

#include <algorithm>
#include <utility>

#include "actors/child_options.hpp"
#include "actors/exit_decision.hpp"
#include "actors/shallow_compute.hpp"

namespace cecollm::actors {
namespace {

using EdgeSupervisorSelf = edge_supervisor_actor::stateful_pointer<EdgeSupervisorState>;

void spawn_children(EdgeSupervisorSelf self) {
  auto& state = self->state;
  auto& setting = state.setting;
  state.decisions = self->spawn<child_options>(exit_decision, setting.metrics);
  if (setting.link) {
    setting.link->metrics = setting.metrics;
    setting.link->vocab_size =
        (setting.engine ? setting.engine->config() : setting.config).vocab_size;
    setting.probe.metrics = setting.metrics;
    state.link = self->spawn<child_options>(cloud_link, *setting.link);
    state.probe = self->spawn<child_options>(network_probe, setting.probe, state.link,
                                             edge_supervisor_actor(self));
  }
  if (setting.tokenizer) {
    state.tokenizer = setting.detached
                          ? self->spawn<child_options + caf::detached>(tokenizer, setting.tokenizer)
                          : self->spawn<child_options>(tokenizer, setting.tokenizer);
  }
  if (setting.shallow) {
    state.shallow = setting.shallow;
    self->monitor(state.shallow);
  } else if (setting.engine) {
    state.shallow = setting.detached ? self->spawn<child_options + caf::detached>(shallow_compute,
                                                                                  setting.engine)
                                     : self->spawn<child_options>(shallow_compute, setting.engine);
    if (setting.conversations.max_kept > 0) {
      state.conversations = self->spawn<child_options>(
          conversations,
          ConversationsSetting{setting.conversations, state.shallow, state.link, setting.metrics});
    }
  }
}

GenerationSetting setting_for(const EdgeSupervisorState& state, GenerationId id) {
  const auto& config = state.setting.engine ? state.setting.engine->config() : state.setting.config;
  GenerationSetting setting;
  setting.id = id;
  setting.tokenizer_handle = state.tokenizer;
  setting.shallow = state.shallow;
  setting.decisions = state.decisions;
  setting.link = state.link;
  setting.conversations = state.conversations;
  setting.vocabulary = state.setting.tokenizer;
  setting.eos = config.eos;
  setting.max_positions = config.max_positions;
  setting.num_layers = config.num_layers;
  setting.cut = config.exits ? config.exits->layers.front() : config.num_layers;
  setting.metrics = state.setting.metrics;
  setting.logger = state.setting.logger.with({{"generation", id}});
  setting.end_log_level = state.setting.end_log_level;
  setting.detached = state.setting.detached;
  if (!state.setting.trace_file.empty()) {
    setting.trace = TraceSetting{state.setting.trace_file, state.setting.logger};
  }
  if (state.modes) {
    setting.mode = state.modes->mode();
    setting.mode_reason = state.modes->reason();
  }
  return setting;
}

/// One transition reaches whoever acts by the mode.
void enter(EdgeSupervisorSelf self, const policy::ModeTransition& transition) {
  auto& state = self->state;
  const auto& metrics = *state.setting.metrics;
  const auto from = policy::mode_of(transition.from);
  const auto to = policy::mode_of(transition.to);
  state.setting.logger.info("mode", {{"from", policy::name_of(transition.from)},
                                     {"to", policy::name_of(transition.to)},
                                     {"reason", policy::name_of(transition.reason)}});
  metrics.mode_transitions[transition.reason].Increment();
  metrics.set_mode(to);
  const bool probing = transition.to == policy::SupervisorState::probing;
  if (probing || transition.from == policy::SupervisorState::probing) {
    PingEvery every;
    if (probing) every.interval = state.setting.mode.probe_ping_interval;
    self->send(state.probe, every);
  }
  if (from == to) return;
  self->send(state.link, HoldRows{to == policy::Mode::standalone});
  for (const auto& [id, handle] : state.generations) {
    self->send(handle, ModeChanged{to, transition.reason});
  }
}

/// Lets the controller look at the link until it has nothing more to change.
void decide_mode(EdgeSupervisorSelf self) {
  auto& state = self->state;
  if (!state.modes || state.shutting_down) return;
  const auto now = self->clock().now();
  while (const auto transition = state.modes->update(now, state.measured.view)) {
    enter(self, *transition);
  }
  const auto next = state.modes->next_update();
  if (!next || (state.mode_due && *state.mode_due <= *next)) return;
  state.mode_due = next;
  self->delayed_send(self, *next - now, ModeDue{});
}

/// The mode that the link has no say in, by an operator's order or the settings'.
std::optional<policy::Mode> held_mode(const EdgeSupervisorState& state) {
  if (state.held || state.setting.adaptive) return state.held;
  return state.setting.mode.preferred;
}

void show_held(EdgeSupervisorSelf self) {
  const auto& state = self->state;
  const bool never_joins = state.setting.mode.preferred == policy::Mode::standalone;
  state.setting.metrics->mode_held.Set(never_joins || state.modes->forced() ? 1 : 0);
}

/// Begins as the settings say; where the mode is held, whatever the link does.
void start_modes(EdgeSupervisorSelf self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.modes.emplace(state.setting.mode, now);
  if (const auto held = held_mode(state)) state.modes->force(now, held);
  state.setting.metrics->set_mode(state.modes->mode());
  show_held(self);
  if (state.modes->mode() == policy::Mode::standalone) self->send(state.link, HoldRows{true});
}

/// Holds what is to be held now, and lets the link decide where nothing is.
void hold_mode(EdgeSupervisorSelf self) {
  auto& state = self->state;
  const auto held = held_mode(state);
  if (held || state.modes->forced()) {
    if (const auto changed = state.modes->force(self->clock().now(), held)) enter(self, *changed);
  }
  show_held(self);
  decide_mode(self);
}

void reconfigure(EdgeSupervisorSelf self, const Reconfigure& request) {
  auto& state = self->state;
  for (const auto& [id, handle] : state.generations) {
    self->send(handle, RequestChanged{request.thresholds, request.token_deadline,
                                      request.first_token_deadline});
  }
  state.setting.mode = request.mode;
  state.setting.adaptive = request.adaptive;
  if (!state.modes) return;
  const auto now = self->clock().now();
  if (const auto changed = state.modes->configure(now, request.mode)) enter(self, *changed);
  hold_mode(self);
}

LinkReport report(const EdgeSupervisorState& state) {
  auto report = state.measured.report;
  if (state.modes) {
    report.state = state.modes->state();
    report.reason = state.modes->reason();
    report.held = state.modes->forced();
  }
  return report;
}

GenerationStarted start(EdgeSupervisorSelf self, const StartGeneration& start) {
  auto& state = self->state;
  const auto id =
      std::exchange(state.next_generation, state.next_generation + state.setting.generation_step);
  if (state.shutting_down || state.generations.size() >= state.setting.max_generations) {
    GenerationFinished refused;
    refused.generation = id;
    refused.reason = FinishReason::failed;
    refused.error = state.shutting_down
                        ? "the edge is shutting down"
                        : "the edge runs " + std::to_string(state.generations.size()) +
                              " generations, as many as it may";
    state.setting.metrics->generations[monitoring::GenerationOutcome::refused].Increment();
    state.setting.logger.info("generation refused", {{"generation", id}, {"why", refused.error}});
    caf::anon_send(start.client, std::move(refused));
    return {id};
  }
  state.generations[id] =
      self->spawn<child_options>(generation, setting_for(state, id), start.request, start.client);
  return {id};
}

/// Second half of the shutdown: no generation is left that needs the others.
void end_children(EdgeSupervisorSelf self) {
  auto& state = self->state;
  if (state.link) {
    self->send(state.link, Shutdown{});  // its end brings ours, see child_down
    return;
  }
  self->quit(caf::exit_reason::user_shutdown);
}

/// Of an exception, or of what else no actor of ours ends with.
bool died(const caf::error& reason) {
  return reason && reason != caf::exit_reason::user_shutdown;
}

void child_down(EdgeSupervisorSelf self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto ended =
      std::find_if(state.generations.begin(), state.generations.end(),
                   [&](const auto& entry) { return entry.second.address() == down.source; });
  if (ended != state.generations.end()) {
    state.generations.erase(ended);
    if (state.shutting_down && state.generations.empty()) end_children(self);
    if (state.shutting_down || !died(down.reason)) return;
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

edge_supervisor_actor::behavior_type edge_supervisor(EdgeSupervisorSelf self, EdgeSetting setting) {
  self->state.setting = std::move(setting);
  if (auto& given = self->state.setting; given.link) {
    // With a generation's number it names the same generation in the cloud's log.
    given.logger =
        given.logger.with({{"instance", monitoring::hexadecimal(given.link->hello.instance)}});
  }
  self->state.next_generation = self->state.setting.first_generation;
  spawn_children(self);
  if (self->state.link) {
    start_modes(self);
  } else {
    self->state.setting.metrics->set_mode(policy::Mode::standalone);
  }
  self->set_down_handler([self](const caf::down_msg& down) { child_down(self, down); });
  // Children's ends are heard of as down messages.
  self->set_exit_handler([](const caf::exit_msg&) {});
  return {
      [self](const StartGeneration& request) { return start(self, request); },
      [self](const CancelGeneration& cancel) {
        const auto found = self->state.generations.find(cancel.generation);
        if (found != self->state.generations.end()) self->send(found->second, cancel);
      },
      [self](const LinkMeasured& measured) {
        self->state.measured = measured;
        decide_mode(self);
      },
      [self](const ModeDue&) {
        self->state.mode_due.reset();
        decide_mode(self);
      },
      [self](const Reconfigure& request) { reconfigure(self, request); },
      [self](const HoldMode& request) {
        self->state.held = request.mode;
        if (self->state.modes) hold_mode(self);
        return report(self->state);
      },
      [self](const GetLinkReport&) { return report(self->state); },
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
