#include "actors/network_probe.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::actors {
namespace {

using ProbeSelf = network_probe_actor::stateful_pointer<NetworkProbeState>;
using std::chrono::duration_cast;
using std::chrono::microseconds;

/// Acknowledgements come with every token; to pass on each would cost more than it tells.
constexpr std::chrono::milliseconds least_between_acknowledgements{20};

LinkReport report_of(const NetworkProbeState& state) {
  LinkReport report;
  report.connected = state.estimate.connected();
  report.problem = state.problem;
  report.mismatch = state.mismatch;
  if (const auto rtt = state.estimate.round_trip().median()) {
    report.rtt = duration_cast<microseconds>(*rtt);
  }
  report.goodput_up = state.estimate.goodput().bytes_per_second();
  return report;
}

void show(const NetworkProbeState& state) {
  const auto& metrics = *state.setting.metrics;
  metrics.link_connected.Set(state.estimate.connected() ? 1 : 0);
  if (const auto rtt = state.estimate.round_trip().median())
    metrics.link_rtt.Set(monitoring::seconds(*rtt));
  if (const auto rate = state.estimate.goodput().bytes_per_second())
    metrics.link_goodput.Set(*rate);
}

/// Tells whoever decides by it what the link is like now.
void tell(ProbeSelf self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.told = now;
  LinkMeasured measured;
  measured.report = report_of(state);
  auto& view = measured.view;
  view.connected = state.estimate.connected();
  view.cost = policy::expected_cost(now, state.estimate, state.load);
  view.samples = state.estimate.round_trip().samples();
  view.expired_asks = state.estimate.expired_asks();
  view.ping_timeouts = state.estimate.ping_timeouts();
  view.budget_exhausted = state.budget_exhausted;
  measured.quote = {now, view.cost, measured.report.goodput_up};
  self->send(state.link, measured);
  self->send(state.supervisor, std::move(measured));
  show(state);
}

/// The first attempt has come to something: whoever waited for that hears of it.
void resolve(NetworkProbeState& state) {
  state.resolved = true;
  for (auto& promise : state.waiting) promise.deliver(report_of(state));
  state.waiting.clear();
}

/// One timer at a time is in force: the earliest.
void wake_at(ProbeSelf self, caf::actor_clock::time_point due) {
  auto& next = self->state.next_tick;
  if (next && *next <= due) return;
  next = due;
  self->delayed_send(self, due - self->clock().now(), Tick{due});
}

void ping(ProbeSelf self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.ping = NetworkProbeState::Ping{++state.last_nonce, now, state.estimate.uplink_delay(now)};
  state.estimate.on_ping_sent(now);
  self->send(state.link, SendPing{state.last_nonce});
  wake_at(self, now + state.estimate.timeout());
}

/// The silence after which a ping is due: neither side may think that the other is gone.
policy::Duration ping_interval(const NetworkProbeState& state) {
  if (state.ordered_interval) return *state.ordered_interval;
  const auto own = state.setting.heartbeat;
  return state.cloud_heartbeat.count() > 0 ? std::min(own, state.cloud_heartbeat) : own;
}

/// Pings when one is due and none is on its way; an unanswered one counts as missed in time.
void tick(ProbeSelf self, const Tick& tick) {
  auto& state = self->state;
  if (state.next_tick != tick.due) return;  // overtaken by an earlier one
  state.next_tick.reset();
  const auto now = self->clock().now();
  if (state.ping && now - state.ping->sent >= state.estimate.timeout()) {
    state.estimate.on_ping_timeout();
    state.setting.metrics->heartbeats_missed.Increment();
    state.ping.reset();
    tell(self);
  }
  const auto interval = ping_interval(state);
  if (const auto due = state.estimate.next_ping(interval); due && *due <= now && !state.ping) {
    ping(self);
  }
  const auto next = state.estimate.next_ping(interval);
  wake_at(self, next && *next > now ? *next : now + interval);
}

}  // namespace

network_probe_actor::behavior_type network_probe(ProbeSelf self, NetworkProbeSetting setting,
                                                 cloud_link_actor link,
                                                 edge_supervisor_actor supervisor) {
  auto& state = self->state;
  state.setting = setting;
  state.link = std::move(link);
  state.supervisor = std::move(supervisor);
  self->send(state.link, WatchLink{self});
  wake_at(self, self->clock().now() + ping_interval(state));
  return {
      [self](const LinkUp& up) {
        auto& now = self->state;
        now.cloud_heartbeat = up.heartbeat;
        now.problem.clear();
        now.mismatch = false;
        now.ping.reset();
        now.load = policy::CloudLoad();
        now.estimate.on_connected();
        ping(self);  // the first sample, without waiting for traffic
        wake_at(self, self->clock().now() + ping_interval(now));
        resolve(now);
        tell(self);
      },
      [self](const LinkDown& down) {
        auto& now = self->state;
        now.problem = down.reason;
        now.mismatch = down.mismatch;
        now.ping.reset();
        now.estimate.on_disconnected();
        resolve(now);
        tell(self);
      },
      [self](const PongSeen& pong) {
        auto& now = self->state;
        if (!now.ping || now.ping->nonce != pong.nonce) {
          now.estimate.on_heard();  // of a ping that was given up
          return;
        }
        now.estimate.on_pong(self->clock().now(), now.ping->sent, now.ping->own_queue);
        now.ping.reset();
        tell(self);
      },
      [self](const RowsSent& rows) {
        self->state.estimate.on_uploaded(self->clock().now(), rows.bytes, rows.generation);
      },
      [self](const RowsAcknowledged& rows) {
        const auto now = self->clock().now();
        self->state.estimate.on_acknowledged(now, rows.bytes, rows.generation, rows.cloud_time);
        if (now - self->state.told >= least_between_acknowledgements) tell(self);
      },
      [self](const RowsForgotten& rows) {
        self->state.estimate.on_upload_ended(self->clock().now(), rows.generation);
      },
      [self](const AnswerSeen& answer) {
        const auto now = self->clock().now();
        self->state.load.on_report(now, answer.queue, answer.compute);
        self->state.estimate.on_answer(now, answer.sent, answer.queue + answer.compute,
                                       answer.own_queue);
        tell(self);
      },
      [self](const AskExpired&) {
        self->state.estimate.on_ask_expired();
        tell(self);
      },
      [self](const BudgetSeen& budget) {
        self->state.budget_exhausted = budget.exhausted;
        tell(self);
      },
      [self](const PingEvery& every) {
        self->state.ordered_interval = every.interval;
        wake_at(self, self->clock().now() + ping_interval(self->state));
      },
      [self](const Tick& due) { tick(self, due); },
      [self](const AwaitLink&) -> caf::result<LinkReport> {
        auto& now = self->state;
        if (now.resolved) return report_of(now);
        auto promise = self->make_response_promise<caf::typed_response_promise<LinkReport>>();
        now.waiting.push_back(promise);
        return promise;
      },
  };
}

}  // namespace cecollm::actors
