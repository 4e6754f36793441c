#pragma once
// When to work with the cloud and when alone. A state machine:
//
//                 link bad, budget spent
//   collaborative ──────────────────────→ standalone ←─────────┐
//   (cloud_only)                              │ probe is due    │ probe failed
//        ↑                                    ↓                 │ (next one later)
//        └───────────────────────────────── probing ────────────┘
//                    probe passed
//
// Standalone and probing are the same to a generation: tokens come from the edge alone. Probing
// pings the link and leaves it otherwise alone. Two thresholds (hysteresis) and a minimum dwell
// time keep the mode from flapping: between two automatic switches of the mode lies at least the
// dwell time. What an operator or a budget orders is not held up by it. A generation need not wait
// for this machine when the cloud is gone: it falls back token by token meanwhile.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/deadline.hpp"
#include "policy/mode.hpp"
#include "policy/time.hpp"

namespace cecollm::policy {

enum class SupervisorState { standalone, probing, collaborative, cloud_only };
inline constexpr std::array all_supervisor_states{
    SupervisorState::standalone, SupervisorState::probing, SupervisorState::collaborative,
    SupervisorState::cloud_only};
std::string_view name_of(SupervisorState state);
/// Probing generates standalone.
Mode mode_of(SupervisorState state);

/// Why a state was entered.
enum class ModeReason {
  started,           // the first state
  configured,        // the configuration changed
  forced,            // an operator or a request chose the mode
  force_lifted,      // the choice is left to this machine again
  link_lost,         // no connection to a cloud
  link_silent,       // connected, but pings stay without an answer
  asks_expired,      // several asks in a row came back late or not at all
  round_trip_high,   // asking costs too much, most of it on the way
  uplink_saturated,  // … most of it behind our own uploads
  cloud_slow,        // … most of it in the cloud's queue and compute
  budget_spent,      // the day's upload budget is used up
  probe_due,         // time to look whether the link recovered
  probe_passed,
  probe_failed,
};
inline constexpr std::array all_mode_reasons{
    ModeReason::started,      ModeReason::configured,      ModeReason::forced,
    ModeReason::force_lifted, ModeReason::link_lost,       ModeReason::link_silent,
    ModeReason::asks_expired, ModeReason::round_trip_high, ModeReason::uplink_saturated,
    ModeReason::cloud_slow,   ModeReason::budget_spent,    ModeReason::probe_due,
    ModeReason::probe_passed, ModeReason::probe_failed};
std::string_view name_of(ModeReason reason);

struct ModeSettings {
  /// collaborative or cloud_only: where to be when the link is good. standalone: never anything
  /// else, and no probing.
  Mode preferred = Mode::collaborative;
  /// Begin in the preferred mode and let the link prove bad, or begin standalone and let it prove
  /// good.
  bool optimistic_start = true;
  /// Hysteresis on what an ask is expected to take on the way and in the cloud. Cloud-only streams
  /// its tokens, so there it decides on entering only.
  Duration enter_below = std::chrono::milliseconds(100);
  Duration leave_above = std::chrono::milliseconds(200);
  /// A long prompt may queue for so long behind the uplink; meanwhile single tokens are too slow to
  /// be asked for, which is no reason to stop the upload. Beyond, the link cannot carry the rows.
  Duration maximum_uplink_delay = std::chrono::seconds(5);
  Duration minimum_dwell = std::chrono::seconds(3);
  /// Asks in a row that must expire, or pings that must time out, before the mode is left.
  int expired_asks = 2;
  int ping_timeouts = 2;
  /// New round trips that a probe needs, and how long it may take.
  int probe_samples = 5;
  Duration probe_timeout = std::chrono::seconds(3);
  Duration probe_ping_interval = std::chrono::milliseconds(100);
  /// Pause before the first probe after leaving, and the most that back-off makes of it.
  Duration probe_interval = std::chrono::seconds(1);
  Duration maximum_probe_interval = std::chrono::seconds(15);
  /// Back-off is forgotten once the preferred mode was held for so long.
  Duration stable_after = std::chrono::seconds(30);
};

/// What is wrong with `settings`, in a sentence that names the setting; empty if nothing.
std::optional<std::string> problem_with(const ModeSettings& settings);

/// What the controller looks at.
struct LinkView {
  bool connected = false;
  std::optional<AskCost> cost;    // expected_cost()
  std::uint64_t samples = 0;      // round trips measured on this connection
  int expired_asks = 0;           // LinkEstimate::expired_asks()
  int ping_timeouts = 0;          // LinkEstimate::ping_timeouts()
  bool budget_exhausted = false;  // DayBudget::exhausted()
};

struct ModeTransition {
  SupervisorState from = SupervisorState::standalone;
  SupervisorState to = SupervisorState::standalone;
  ModeReason reason = ModeReason::started;
  friend bool operator==(const ModeTransition&, const ModeTransition&) = default;
};

class ModeController {
 public:
  /// Requires settings without a problem.
  ModeController(const ModeSettings& settings, TimePoint now);

  SupervisorState state() const { return state_; }
  Mode mode() const { return mode_of(state_); }
  /// Why and since when it is in this state.
  ModeReason reason() const { return reason_; }
  TimePoint since() const { return since_; }

  /// Looks at the link and makes at most one transition. Call it when something happened to the
  /// link and at next_update(), again while it returns a transition; times never go back.
  std::optional<ModeTransition> update(TimePoint now, const LinkView& link);

  /// Holds `mode` whatever the link does; empty leaves the choice to update() again. Only a spent
  /// budget is stronger.
  std::optional<ModeTransition> force(TimePoint now, std::optional<Mode> mode);
  bool forced() const { return forced_.has_value(); }

  /// New settings (without a problem) from now on. State and back-off stay, unless the state is no
  /// longer among those that the settings allow.
  std::optional<ModeTransition> configure(TimePoint now, const ModeSettings& settings);

  /// When time alone may change the state, after the last update(); empty where only the link can.
  std::optional<TimePoint> next_update() const;

 private:
  /// Why the link is not good enough for the preferred mode; empty if it is.
  std::optional<ModeReason> reason_to_leave(const LinkView& link) const;
  std::optional<ModeTransition> update_preferred(TimePoint now, const LinkView& link);
  std::optional<ModeTransition> update_standalone(TimePoint now, const LinkView& link);
  std::optional<ModeTransition> update_probing(TimePoint now, const LinkView& link);
  std::optional<ModeTransition> move(TimePoint now, SupervisorState to, ModeReason reason);
  bool dwelt(TimePoint now) const;
  /// Sets the time of the next probe and doubles the pause before the one after.
  void schedule_probe(TimePoint now);
  void probe_soon(TimePoint now);

  ModeSettings settings_;
  SupervisorState state_;
  ModeReason reason_ = ModeReason::started;
  TimePoint since_;
  std::optional<TimePoint> switched_;  // the last change of the mode; probing changes none
  std::optional<Mode> forced_;
  Duration probe_pause_;
  TimePoint probe_at_;
  std::uint64_t samples_before_probe_ = 0;
  int expired_asks_ = 0;         // as last seen
  int expired_before_mode_ = 0;  // when the mode was entered: asks of an earlier stay do not count
  TimePoint updated_;
  bool connected_ = false;
  bool budget_exhausted_ = false;
};

}  // namespace cecollm::policy
