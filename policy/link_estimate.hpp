#pragma once
// What is known about the link to one cloud, from what the link actor saw. A value: copy it, feed
// it events, ask it questions. Times passed in never go back.

#include <cstdint>
#include <optional>

#include "policy/goodput.hpp"
#include "policy/round_trip.hpp"
#include "policy/time.hpp"

namespace cecollm::policy {

class LinkEstimate {
 public:
  explicit LinkEstimate(const RoundTripSettings& settings = {})
      : settings_(settings), round_trip_(settings) {}

  // Events

  /// A connection is up, maybe by another path or to another cloud: forgets all samples.
  void on_connected();
  void on_disconnected();

  void on_ping_sent(TimePoint now);
  /// A pong. `own_queue` is uplink_delay() at the time of the ping.
  void on_pong(TimePoint now, TimePoint sent, Duration own_queue);
  /// No pong within timeout().
  void on_ping_timeout();
  /// An answer to an ask, in time or late. `cloud_time` is the queue and compute that it reports:
  /// it is no part of the link.
  void on_answer(TimePoint now, TimePoint sent, Duration cloud_time, Duration own_queue);
  /// The deadline of an ask passed first.
  void on_ask_expired();
  /// Anything else that the cloud sent.
  void on_heard();

  /// Of one `stream` of several; the cloud acknowledges each for itself. `cloud_time`: how long it
  /// is known to have held an acknowledgement back.
  void on_uploaded(TimePoint now, std::uint64_t bytes, GoodputEstimate::Stream stream = 0);
  void on_acknowledged(TimePoint now, std::uint64_t bytes, GoodputEstimate::Stream stream = 0,
                       Duration cloud_time = Duration::zero());
  /// What the cloud has not acknowledged of `stream` it never will.
  void on_upload_ended(TimePoint now, GoodputEstimate::Stream stream);

  // Questions

  bool connected() const { return connected_; }
  const RoundTripEstimate& round_trip() const { return round_trip_; }
  const GoodputEstimate& goodput() const { return goodput_; }
  /// How long a byte sent now waits behind our own uploads.
  Duration uplink_delay(TimePoint now) const { return goodput_.delay(now); }
  /// How long to wait for a pong.
  Duration timeout() const { return round_trip_.timeout(); }
  /// Pings that timed out since anything was heard.
  int ping_timeouts() const { return ping_timeouts_; }
  /// Asks that expired since an ask was answered. Pongs do not clear it: a cloud may be quick to
  /// pong and slow to compute.
  int expired_asks() const { return expired_asks_; }
  /// When neither traffic nor a ping will have asked about the round trip for `interval`; long ago
  /// where nothing has yet. Empty while disconnected.
  std::optional<TimePoint> next_ping(Duration interval) const;

 private:
  RoundTripSettings settings_;
  RoundTripEstimate round_trip_;
  GoodputEstimate goodput_;
  bool connected_ = false;
  std::optional<TimePoint> inquired_;  // last sample, or last ping
  int ping_timeouts_ = 0;
  int expired_asks_ = 0;
};

}  // namespace cecollm::policy
