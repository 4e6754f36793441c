#include "actors/network_probe.hpp"

#include <utility>

namespace cecollm::actors {
namespace {

using Self = network_probe_actor::stateful_pointer<NetworkProbeState>;
using std::chrono::duration_cast;
using std::chrono::microseconds;

LinkReport report_of(const NetworkProbeState& state) {
  LinkReport report;
  report.connected = state.estimate.connected();
  report.problem = state.problem;
  report.mismatch = state.mismatch;
  if (const auto rtt = state.estimate.round_trip().smoothed()) {
    report.rtt = duration_cast<microseconds>(*rtt);
  }
  report.goodput_up = state.estimate.goodput().bytes_per_second();
  return report;
}

/// The first attempt has come to something: whoever waited for that hears of it.
void resolve(NetworkProbeState& state) {
  state.resolved = true;
  for (auto& promise : state.waiting) promise.deliver(report_of(state));
  state.waiting.clear();
}

void show(const NetworkProbeState& state) {
  const auto& metrics = *state.setting.metrics;
  metrics.link_connected.Set(state.estimate.connected() ? 1 : 0);
  if (const auto rtt = state.estimate.round_trip().smoothed())
    metrics.link_rtt.Set(monitoring::seconds(*rtt));
  if (const auto rate = state.estimate.goodput().bytes_per_second())
    metrics.link_goodput.Set(*rate);
}

void ping(Self self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  state.ping = NetworkProbeState::Ping{++state.last_nonce, now, state.estimate.uplink_delay(now)};
  self->send(state.link, SendPing{state.last_nonce});
}

/// Pings when one is due and none is on its way; an unanswered one counts as missed in time.
void tick(Self self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  if (state.ping && now - state.ping->sent >= state.estimate.timeout()) {
    state.estimate.on_ping_timeout();
    state.setting.metrics->heartbeats_missed.Increment();
    state.ping.reset();
  }
  if (!state.ping && state.estimate.ping_due(now)) ping(self);
  show(state);
  self->delayed_send(self, state.setting.heartbeat, Tick{});
}

}  // namespace

network_probe_actor::behavior_type network_probe(Self self, NetworkProbeSetting setting,
                                                 cloud_link_actor link) {
  auto& state = self->state;
  state.setting = setting;
  state.link = std::move(link);
  policy::LinkEstimateSettings estimate;
  estimate.ping_interval = setting.heartbeat;
  state.estimate = policy::LinkEstimate(estimate);
  self->send(state.link, WatchLink{self});
  self->delayed_send(self, setting.heartbeat, Tick{});
  return {
      [self](const LinkUp&) {
        auto& now = self->state;
        now.problem.clear();
        now.mismatch = false;
        now.ping.reset();
        now.estimate.on_connected(self->clock().now());
        ping(self);  // the first sample, without waiting for traffic
        resolve(now);
        show(now);
      },
      [self](const LinkDown& down) {
        auto& now = self->state;
        now.problem = down.reason;
        now.mismatch = down.mismatch;
        now.ping.reset();
        now.estimate.on_disconnected();
        resolve(now);
        show(now);
      },
      [self](const PongSeen& pong) {
        auto& now = self->state;
        if (!now.ping || now.ping->nonce != pong.nonce) return;  // of a ping that was given up
        now.estimate.on_pong(self->clock().now(), now.ping->sent, now.ping->own_queue);
        now.ping.reset();
        show(now);
      },
      [self](const RowsSent& rows) {
        self->state.estimate.on_uploaded(self->clock().now(), rows.bytes);
      },
      [self](const RowsAcknowledged& rows) {
        self->state.estimate.on_acknowledged(self->clock().now(), rows.bytes);
      },
      [self](const AnswerSeen& answer) {
        self->state.estimate.on_answer(self->clock().now(), answer.sent, answer.cloud_time,
                                       policy::Duration::zero());
      },
      [self](const Tick&) { tick(self); },
      [self](const GetLinkReport&) { return report_of(self->state); },
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
