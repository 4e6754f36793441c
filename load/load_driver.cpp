#include "load/load_driver.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::load {
namespace {

using LoadDriverSelf = load_driver_actor::stateful_pointer<LoadDriverState>;
using Phase = LoadDriverState::Phase;

/// Cancelled requests may take so long to say what they had.
constexpr std::chrono::seconds cut_limit{10};
/// The edges may take so long to close their connections.
constexpr std::chrono::seconds farewell_limit{20};

void leave(LoadDriverSelf self);

void spawn_edge(LoadDriverSelf self) {
  auto& state = self->state;
  auto setting = state.setting.edge(state.edges.size());
  setting.number = state.edges.size();
  setting.prompts = state.setting.prompts;
  setting.driver = self;
  state.edges.push_back(
      self->spawn<caf::monitored + caf::linked>(virtual_edge, std::move(setting)));
}

bool sending_is_over(const LoadDriverState& state) {
  const auto& limit = state.setting.plan.requests;
  return state.phase != Phase::sending || (limit && state.sent >= *limit);
}

/// From the start of the run to the last token.
RunTime duration_of(const std::vector<RequestRecord>& requests) {
  RunTime last{0};
  for (const auto& request : requests) {
    last = std::max(last, request.tokens.empty() ? request.sent : request.tokens.back().at);
  }
  return last;
}

/// The run is over: tell the client, and let the edges go.
void end(LoadDriverSelf self) {
  auto& state = self->state;
  if (state.phase == Phase::leaving) return;
  const bool began = state.phase != Phase::connecting;
  if (began) {
    state.log->edges = state.setting.edges;
    state.log->duration = duration_of(state.log->requests);
    for (const auto& [number, user] : state.running) {  // cancelled, and not heard of again
      auto& lost = state.log->requests.emplace_back();
      lost.number = number;
      lost.edge = user % state.setting.edges;
      lost.due = lost.sent = state.log->duration;
      lost.end = RequestEnd::cut_off;
    }
    std::ranges::sort(state.log->requests, {}, &RequestRecord::number);
  }
  caf::anon_send(state.setting.client,
                 LoadEnded{began ? state.log : nullptr, state.problem, state.user_error});
  state.phase = Phase::leaving;
  leave(self);
}

void leave(LoadDriverSelf self) {
  auto& state = self->state;
  for (const auto& edge : state.edges) self->send(edge, actors::Shutdown{});
  self->delayed_send(self, farewell_limit, FarewellOver{});
  if (state.edges.empty()) self->quit();
}

/// What runs is cancelled; its records still come.
void cut(LoadDriverSelf self) {
  auto& state = self->state;
  if (state.phase == Phase::cutting || state.phase == Phase::leaving) return;
  if (state.running.empty()) {
    end(self);
    return;
  }
  state.phase = Phase::cutting;
  for (const auto& edge : state.edges) self->send(edge, CancelRequests{});
  self->delayed_send(self, cut_limit, CutOver{});
}

/// Nothing more is sent: wait for what runs, but not for ever.
void drain(LoadDriverSelf self) {
  auto& state = self->state;
  if (state.phase != Phase::sending) return;
  state.phase = Phase::draining;
  if (state.running.empty()) {
    end(self);
  } else if (state.setting.plan.drain) {
    self->delayed_send(self, *state.setting.plan.drain, DrainOver{});
  }
}

void send_request(LoadDriverSelf self, std::size_t user, caf::actor_clock::time_point due) {
  auto& state = self->state;
  if (sending_is_over(state)) return;
  const auto number = state.sent++;
  const auto planned = state.workload->next();
  state.running.emplace(number, user);
  self->send(state.edges[user % state.edges.size()],
             RunRequest{number, planned.prompt, planned.max_tokens, due, state.start});
  if (sending_is_over(state)) drain(self);
}

/// Sends what is due in an open loop, and sets the timer for what comes next.
void arrive(LoadDriverSelf self) {
  auto& state = self->state;
  while (!sending_is_over(state)) {
    const auto due = state.start + state.next_arrival;
    const auto now = self->clock().now();
    if (due > now) {
      self->delayed_send(self, due - now, ArrivalDue{});
      return;
    }
    // Round robin: the sent ones count the edges.
    send_request(self, static_cast<std::size_t>(state.sent % state.edges.size()), due);
    state.next_arrival = state.arrivals->next();
  }
}

void start(LoadDriverSelf self) {
  auto& state = self->state;
  const auto& plan = state.setting.plan;
  state.phase = Phase::sending;
  state.start = self->clock().now();
  // Prompts and times have chance of their own: another rate must not change the prompts.
  state.workload.emplace(*state.setting.prompts, plan.lengths, plan.shuffled, plan.seed);
  if (plan.duration) self->delayed_send(self, *plan.duration, SendingOver{});
  if (const auto* open = std::get_if<OpenLoop>(&plan.loop)) {
    state.arrivals.emplace(
        ArrivalSettings{open->rate, open->burstiness, plan.ramp_up, plan.seed + 1});
    state.next_arrival = state.arrivals->next();
    arrive(self);
    return;
  }
  const auto users = std::get<ClosedLoop>(plan.loop).users;
  for (std::size_t user = 0; user < users; ++user) {
    const auto wait = plan.ramp_up * user / users;
    self->delayed_send(self, wait, UserDue{user});
  }
}

void edge_ready(LoadDriverSelf self, const EdgeReady& ready) {
  auto& state = self->state;
  if (state.phase != Phase::connecting) return;
  if (!ready.link.connected) {
    state.problem = "edge " + std::to_string(ready.edge + 1) + " of " +
                    std::to_string(state.setting.edges) +
                    " did not reach the cloud: " + ready.link.problem;
    state.user_error = ready.link.mismatch;
    end(self);
    return;
  }
  ++state.connected;
  if (state.edges.size() < state.setting.edges) spawn_edge(self);
  if (state.connected == state.setting.edges) start(self);
}

void request_ended(LoadDriverSelf self, const RequestEnded& ended) {
  auto& state = self->state;
  const auto running = state.running.find(ended.record.number);
  if (running == state.running.end() || state.phase == Phase::leaving) return;
  const auto user = running->second;
  state.running.erase(running);
  state.errors += ended.record.errors.size();
  state.tokens += ended.record.tokens.size();
  state.log->requests.push_back(ended.record);
  if (state.tokens >= most_kept_tokens && state.phase == Phase::sending) {
    state.problem = "the run has " + std::to_string(state.tokens) +
                    " tokens, as many as are kept for a report: make it shorter";
    cut(self);
  } else if (state.phase != Phase::sending) {
    if (state.running.empty()) end(self);
  } else if (const auto* closed = std::get_if<ClosedLoop>(&state.setting.plan.loop)) {
    self->delayed_send(self, closed->think, UserDue{user});
  }
}

void edge_down(LoadDriverSelf self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto ended = std::ranges::find_if(
      state.edges, [&](const auto& edge) { return edge.address() == down.source; });
  if (ended == state.edges.end()) return;
  state.edges.erase(ended);
  if (state.phase == Phase::leaving) {
    if (state.edges.empty()) self->quit();
    return;
  }
  state.problem = "a virtual edge died: " + caf::to_string(down.reason);
  end(self);
}

LoadProgress progress_of(LoadDriverSelf self) {
  const auto& state = self->state;
  LoadProgress progress;
  progress.edges = state.setting.edges;
  progress.connected = state.connected;
  progress.started = state.phase != Phase::connecting;
  if (progress.started) progress.elapsed = self->clock().now() - state.start;
  progress.sent = state.sent;
  progress.ended = state.log->requests.size();
  progress.errors = state.errors;
  progress.tokens = state.tokens;
  return progress;
}

}  // namespace

load_driver_actor::behavior_type load_driver(LoadDriverSelf self, LoadSetting setting) {
  self->state.setting = std::move(setting);
  self->set_down_handler([self](const caf::down_msg& down) { edge_down(self, down); });
  // Edges' ends are heard of as down messages.
  self->set_exit_handler([](const caf::exit_msg&) {});
  const auto at_once = std::min(self->state.setting.connecting, self->state.setting.edges);
  for (std::size_t i = 0; i < at_once; ++i) spawn_edge(self);
  return {
      [self](const EdgeReady& ready) { edge_ready(self, ready); },
      [self](const RequestEnded& ended) { request_ended(self, ended); },
      [self](const ArrivalDue&) { arrive(self); },
      [self](const UserDue& due) { send_request(self, due.user, self->clock().now()); },
      [self](const SendingOver&) { drain(self); },
      [self](const DrainOver&) { cut(self); },
      [self](const CutOver&) { end(self); },
      [self](const FarewellOver&) { self->quit(caf::exit_reason::user_shutdown); },
      [self](const StopLoad&) {
        auto& state = self->state;
        state.log->interrupted = true;
        if (state.phase == Phase::connecting) {
          state.problem = "interrupted before all edges were connected";
          end(self);
        } else {
          cut(self);
        }
      },
      [self](const GetLoadProgress&) { return progress_of(self); },
  };
}

}  // namespace cecollm::load
