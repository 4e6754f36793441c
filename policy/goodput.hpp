#pragma once
// How fast the link carries our uploads, from acknowledged bytes, and how much still waits in it.
//
// A link is taken as a first-in-first-out pipe: bytes given at time s and of total size S, from
// there to the acknowledged end, are through no earlier than s + base round trip + S / rate. The
// rate that explains an acknowledgement is therefore the largest S / (acknowledged - s - base) over
// the sends that it covers; a send that waited behind earlier ones starts when those were
// acknowledged. On an idle link that is a lower bound, which is all that can be known there; an
// acknowledgement that the receiver held back reads as a slower link. Several streams of bytes
// share the pipe and are acknowledged each for itself.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "policy/time.hpp"

namespace cecollm::policy {

class GoodputEstimate {
 public:
  static constexpr std::size_t decision_samples = 5;

  using Stream = std::uint64_t;

  /// `bytes` were given to the link.
  void on_sent(TimePoint now, std::uint64_t bytes, Stream stream = 0);
  /// The receiver has the next `bytes` of what was sent. `base_round_trip`: of an empty link, with
  /// what the receiver is known to have held the acknowledgement back.
  void on_acknowledged(TimePoint now, std::uint64_t bytes, Duration base_round_trip,
                       Stream stream = 0);
  /// What is not acknowledged of `stream` never will be. It is still on its way all the same.
  void on_ended(TimePoint now, Stream stream);
  /// Something that was given at `sent` has come through, and so has everything before it.
  void on_passed(TimePoint now, TimePoint sent);

  /// Bytes a second: the median of the last five acknowledgements; empty before the first.
  std::optional<double> bytes_per_second() const;
  /// Sent and not acknowledged.
  std::uint64_t unacknowledged() const { return unacknowledged_; }
  /// Bytes that still wait to enter the pipe: what was sent, drained at the estimated rate, and
  /// never more than what is not known to be through.
  double backlog(TimePoint now) const;
  /// backlog() over bytes_per_second(); zero where no rate is known yet.
  Duration delay(TimePoint now) const;
  std::uint64_t samples() const { return samples_; }

 private:
  struct Send {
    TimePoint at;
    std::uint64_t bytes = 0;
  };
  // Finer records than this cost memory and add nothing: later sends join the last record.
  static constexpr std::size_t max_sends = 1024;

  /// Forgets what ended streams sent before `sent`.
  void drop_ended(TimePoint sent);

  std::map<Stream, std::deque<Send>> sends_;  // not acknowledged
  std::map<TimePoint, std::uint64_t> ended_;  // bytes of streams that ended, by when they were sent
  std::uint64_t ended_bytes_ = 0;
  std::uint64_t unacknowledged_ = 0;
  std::optional<TimePoint> last_acknowledged_;
  double backlog_ = 0.0;  // at backlog_at_
  TimePoint backlog_at_{};
  std::array<double, decision_samples> rates_{};
  std::uint64_t samples_ = 0;
};

}  // namespace cecollm::policy
