#pragma once
// How long the link takes there and back. Two readings of the same samples:
//  - for time-outs, RFC 6298: smoothed round trip, its variation, back-off;
//  - for decisions, the median of the last five samples and the minimum of a window, which follow a
//    step of the link within five samples instead of dozens.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "policy/time.hpp"

namespace cecollm::policy {

struct RoundTripSettings {
  Duration initial_timeout = std::chrono::seconds(1);  // RFC 6298, 2.1
  /// RFC 6298, 2.4 says one second; a heartbeat over a live connection may be stricter.
  Duration minimum_timeout = std::chrono::milliseconds(200);
  Duration maximum_timeout = std::chrono::seconds(60);  // RFC 6298, 2.5
  Duration granularity = std::chrono::milliseconds(1);
  Duration minimum_window = std::chrono::seconds(10);
};

class RoundTripEstimate {
 public:
  static constexpr std::size_t decision_samples = 5;

  explicit RoundTripEstimate(const RoundTripSettings& settings = {});

  /// One exchange. Karn's rule holds by construction: pings carry a nonce and asks a position, and
  /// neither is ever sent twice, so each answer belongs to one sending. A late answer is a valid
  /// sample. `own_queue` is how long the exchange waited behind our own uploads: time-outs have to
  /// allow for it, decisions count it elsewhere, so it is taken off there, though never below the
  /// window's minimum.
  void add(TimePoint now, Duration round_trip, Duration own_queue = Duration::zero());

  /// Nothing came within timeout(): doubles it (RFC 6298, 5.5). The next sample ends the back-off.
  void back_off();

  /// RFC 6298's RTO with back-off.
  Duration timeout() const;
  std::optional<Duration> smoothed() const;
  std::optional<Duration> variation() const;

  /// For decisions; empty before the first sample.
  std::optional<Duration> median() const;
  /// Least of the last five: what the path itself takes now.
  std::optional<Duration> recent_minimum() const;
  /// Least of the window (to a tenth of its length); empty where it holds no sample.
  std::optional<Duration> minimum(TimePoint now) const;

  std::uint64_t samples() const { return samples_; }

 private:
  struct Slot {
    // Which tenth of a window since the epoch; none at first.
    std::int64_t index = std::numeric_limits<std::int64_t>::min();
    Duration minimum{};
  };
  std::int64_t slot_index(TimePoint now) const;

  RoundTripSettings settings_;
  std::uint64_t samples_ = 0;
  Duration smoothed_{};
  Duration variation_{};
  Duration timeout_;
  std::array<Duration, decision_samples> last_{};
  std::array<Slot, 10> slots_{};
};

}  // namespace cecollm::policy
