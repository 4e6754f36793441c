#include "policy/mode_controller.hpp"

#include <algorithm>

namespace cecollm::policy {
namespace {

SupervisorState state_of(Mode mode) {
  switch (mode) {
    case Mode::standalone:
      return SupervisorState::standalone;
    case Mode::collaborative:
      return SupervisorState::collaborative;
    case Mode::cloud_only:
      return SupervisorState::cloud_only;
  }
  return SupervisorState::standalone;
}

Duration path_and_cloud(const AskCost& cost) {
  return cost.round_trip + cost.cloud;
}

bool alone(SupervisorState state) {
  return mode_of(state) == Mode::standalone;
}

}  // namespace

std::string_view name_of(SupervisorState state) {
  switch (state) {
    case SupervisorState::standalone:
      return "standalone";
    case SupervisorState::probing:
      return "probing";
    case SupervisorState::collaborative:
      return "collaborative";
    case SupervisorState::cloud_only:
      return "cloud-only";
  }
  return "unknown";
}

Mode mode_of(SupervisorState state) {
  switch (state) {
    case SupervisorState::standalone:
    case SupervisorState::probing:
      return Mode::standalone;
    case SupervisorState::collaborative:
      return Mode::collaborative;
    case SupervisorState::cloud_only:
      return Mode::cloud_only;
  }
  return Mode::standalone;
}

std::string_view name_of(ModeReason reason) {
  switch (reason) {
    case ModeReason::started:
      return "started";
    case ModeReason::configured:
      return "configured";
    case ModeReason::forced:
      return "forced";
    case ModeReason::force_lifted:
      return "force-lifted";
    case ModeReason::link_lost:
      return "link-lost";
    case ModeReason::link_silent:
      return "link-silent";
    case ModeReason::asks_expired:
      return "asks-expired";
    case ModeReason::round_trip_high:
      return "round-trip-high";
    case ModeReason::uplink_saturated:
      return "uplink-saturated";
    case ModeReason::cloud_slow:
      return "cloud-slow";
    case ModeReason::budget_spent:
      return "budget-spent";
    case ModeReason::probe_due:
      return "probe-due";
    case ModeReason::probe_passed:
      return "probe-passed";
    case ModeReason::probe_failed:
      return "probe-failed";
  }
  return "unknown";
}

std::optional<std::string> problem_with(const ModeSettings& settings) {
  const std::pair<std::string_view, Duration> positive[] = {
      {"enter_below", settings.enter_below},
      {"leave_above", settings.leave_above},
      {"maximum_uplink_delay", settings.maximum_uplink_delay},
      {"probe_timeout", settings.probe_timeout},
      {"probe_ping_interval", settings.probe_ping_interval},
      {"probe_interval", settings.probe_interval},
      {"maximum_probe_interval", settings.maximum_probe_interval},
  };
  for (const auto& [name, value] : positive) {
    if (value <= Duration::zero()) return std::string(name) + " must be above 0";
  }
  if (settings.minimum_dwell < Duration::zero()) return "minimum_dwell must not be negative";
  if (settings.stable_after < Duration::zero()) return "stable_after must not be negative";
  if (settings.enter_below > settings.leave_above) {
    return "enter_below must not exceed leave_above";
  }
  if (settings.probe_interval > settings.maximum_probe_interval) {
    return "probe_interval must not exceed maximum_probe_interval";
  }
  if (settings.expired_asks < 1) return "expired_asks must be at least 1";
  if (settings.ping_timeouts < 1) return "ping_timeouts must be at least 1";
  if (settings.probe_samples < 1) return "probe_samples must be at least 1";
  if (settings.probe_ping_interval > settings.probe_timeout / settings.probe_samples) {
    return "probe_timeout is too short for probe_samples pings every probe_ping_interval";
  }
  return std::nullopt;
}

ModeController::ModeController(const ModeSettings& settings, TimePoint now)
    : settings_(settings),
      state_(settings.optimistic_start ? state_of(settings.preferred)
                                       : SupervisorState::standalone),
      since_(now),
      probe_pause_(settings.probe_interval),
      probe_at_(now),
      updated_(now) {
  // An optimistic start gives the first connection the dwell time to come up.
  if (!alone(state_)) switched_ = now;
}

std::optional<ModeTransition> ModeController::update(TimePoint now, const LinkView& link) {
  updated_ = now;
  connected_ = link.connected;
  budget_exhausted_ = link.budget_exhausted;
  expired_asks_ = link.expired_asks;
  expired_before_mode_ = std::min(expired_before_mode_, expired_asks_);
  if (budget_exhausted_) {
    if (state_ == SupervisorState::standalone) return std::nullopt;
    probe_soon(now);
    return move(now, SupervisorState::standalone, ModeReason::budget_spent);
  }
  if (forced_) {
    if (state_ == state_of(*forced_)) return std::nullopt;
    return move(now, state_of(*forced_), ModeReason::forced);
  }
  switch (state_) {
    case SupervisorState::standalone:
      return update_standalone(now, link);
    case SupervisorState::probing:
      return update_probing(now, link);
    case SupervisorState::collaborative:
    case SupervisorState::cloud_only:
      break;
  }
  return update_preferred(now, link);
}

std::optional<ModeReason> ModeController::reason_to_leave(const LinkView& link) const {
  if (!link.connected) return ModeReason::link_lost;
  if (link.ping_timeouts >= settings_.ping_timeouts) return ModeReason::link_silent;
  if (link.expired_asks - expired_before_mode_ >= settings_.expired_asks)
    return ModeReason::asks_expired;
  if (!link.cost || state_ == SupervisorState::cloud_only) return std::nullopt;
  if (link.cost->uplink > settings_.maximum_uplink_delay) return ModeReason::uplink_saturated;
  if (path_and_cloud(*link.cost) > settings_.leave_above) {
    return link.cost->cloud > link.cost->round_trip ? ModeReason::cloud_slow
                                                    : ModeReason::round_trip_high;
  }
  return std::nullopt;
}

std::optional<ModeTransition> ModeController::update_preferred(TimePoint now,
                                                               const LinkView& link) {
  const auto reason = reason_to_leave(link);
  if (!reason || !dwelt(now)) return std::nullopt;
  if (now - since_ >= settings_.stable_after) probe_pause_ = settings_.probe_interval;
  schedule_probe(now);
  return move(now, SupervisorState::standalone, *reason);
}

std::optional<ModeTransition> ModeController::update_standalone(TimePoint now,
                                                                const LinkView& link) {
  if (settings_.preferred == Mode::standalone || !link.connected || now < probe_at_) {
    return std::nullopt;
  }
  samples_before_probe_ = link.samples;
  return move(now, SupervisorState::probing, ModeReason::probe_due);
}

std::optional<ModeTransition> ModeController::update_probing(TimePoint now, const LinkView& link) {
  // Fewer samples than before: another connection, whose samples are all new.
  if (link.samples < samples_before_probe_) samples_before_probe_ = 0;
  const bool measured =
      link.samples - samples_before_probe_ >= static_cast<std::uint64_t>(settings_.probe_samples);
  const bool good = link.cost && path_and_cloud(*link.cost) < settings_.enter_below &&
                    link.cost->uplink <= settings_.maximum_uplink_delay;
  const bool timed_out = now - since_ >= settings_.probe_timeout;
  if (!link.connected || (measured && !good) || (!measured && timed_out)) {
    schedule_probe(now);
    return move(now, SupervisorState::standalone, ModeReason::probe_failed);
  }
  if (!measured || !dwelt(now)) return std::nullopt;
  return move(now, state_of(settings_.preferred), ModeReason::probe_passed);
}

std::optional<ModeTransition> ModeController::force(TimePoint now, std::optional<Mode> mode) {
  forced_ = mode;
  if (mode) {
    const SupervisorState wanted = state_of(*mode);
    if (wanted == state_) return std::nullopt;
    if (budget_exhausted_ && *mode != Mode::standalone) return std::nullopt;
    return move(now, wanted, ModeReason::forced);
  }
  if (alone(state_)) {
    probe_soon(now);
    return std::nullopt;
  }
  const SupervisorState wanted = state_of(settings_.preferred);
  if (wanted == state_) return std::nullopt;
  return move(now, wanted, ModeReason::force_lifted);
}

std::optional<ModeTransition> ModeController::configure(TimePoint now,
                                                        const ModeSettings& settings) {
  const bool was_alone_by_choice = settings_.preferred == Mode::standalone;
  settings_ = settings;
  probe_pause_ =
      std::clamp(probe_pause_, settings_.probe_interval, settings_.maximum_probe_interval);
  probe_at_ = std::min(probe_at_, now + settings_.maximum_probe_interval);
  if (was_alone_by_choice) probe_soon(now);
  if (forced_) return std::nullopt;
  const SupervisorState wanted = state_of(settings_.preferred);
  if (wanted == state_) return std::nullopt;
  if (alone(state_) && wanted != SupervisorState::standalone) return std::nullopt;
  return move(now, wanted, ModeReason::configured);
}

std::optional<TimePoint> ModeController::next_update() const {
  if (forced_ || budget_exhausted_) return std::nullopt;
  std::optional<TimePoint> next;
  const auto consider = [&](TimePoint at) {
    if (at > updated_ && (!next || at < *next)) next = at;
  };
  if (state_ == SupervisorState::standalone) {
    if (settings_.preferred != Mode::standalone && connected_) consider(probe_at_);
    return next;
  }
  if (switched_) consider(*switched_ + settings_.minimum_dwell);
  if (state_ == SupervisorState::probing) consider(since_ + settings_.probe_timeout);
  return next;
}

std::optional<ModeTransition> ModeController::move(TimePoint now, SupervisorState to,
                                                   ModeReason reason) {
  const ModeTransition transition{state_, to, reason};
  if (mode_of(state_) != mode_of(to)) {
    switched_ = now;
    expired_before_mode_ = expired_asks_;
  }
  state_ = to;
  reason_ = reason;
  since_ = now;
  return transition;
}

bool ModeController::dwelt(TimePoint now) const {
  return !switched_ || now - *switched_ >= settings_.minimum_dwell;
}

void ModeController::schedule_probe(TimePoint now) {
  probe_at_ = now + probe_pause_;
  probe_pause_ = std::min(2 * probe_pause_, settings_.maximum_probe_interval);
}

void ModeController::probe_soon(TimePoint now) {
  probe_at_ = now;
  probe_pause_ = settings_.probe_interval;
}

}  // namespace cecollm::policy
