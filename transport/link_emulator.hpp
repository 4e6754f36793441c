#pragma once
// An emulated link around one connection's byte stream, below TLS. Pure: bytes in, bytes out, time
// as an argument.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transport/link_flow.hpp"

namespace cecollm::transport {

/// One link, shared by all connections that cross it, one after the other or at once (each has
/// the whole rate). Its trace begins at `began`.
struct EmulatedLink {
  EmulatedLink(LinkShape link_shape, std::chrono::steady_clock::time_point start)
      : shape(std::move(link_shape)), began(start) {}
  const LinkShape shape;
  const std::chrono::steady_clock::time_point began;
  std::atomic<std::uint64_t> connections{0};  // so far; each meets chance of its own
};

/// One end of a connection over the link, between a session and a stream that is perfect.
class LinkEmulator {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `outgoing`: up on an edge, down on a cloud.
  LinkEmulator(std::shared_ptr<EmulatedLink> link, LinkDirection outgoing, TimePoint now);

  /// When a connection that is opened at `now` would be open: a round trip later, or after the
  /// SYN was repeated during an outage. Empty: it would be refused.
  std::optional<TimePoint> connected_at(TimePoint now) const;

  /// From the session, for the stream.
  void send(std::span<const char> bytes, TimePoint now);
  void send_end(TimePoint now);
  std::vector<char> take_for_stream(TimePoint now);
  bool end_left() const { return out_.ended(); }
  /// Bytes from the session that are still on this side of the link.
  std::uint64_t unsent_bytes() const { return out_.waiting_bytes(); }

  /// From the stream, for the session.
  void arrive(std::span<const char> bytes, TimePoint now);
  void arrive_end(TimePoint now);
  std::vector<char> take_for_session(TimePoint now);
  bool end_arrived() const { return in_.ended(); }
  /// So much has come from the stream that it should wait.
  bool is_congested() const { return in_.waiting_bytes() > most_waiting; }

  /// The link has reset its connections since the last call.
  bool was_reset(TimePoint now);

  /// When something will have moved, come through or been reset; at least that often the functions
  /// above are to be called.
  TimePoint next_event(TimePoint now) const;

  /// Overrides the shape's state; LinkState::up ends that.
  void force(LinkState state, TimePoint now);

 private:
  static constexpr std::uint64_t most_waiting = 256U << 10U;
  LinkTime since_began(TimePoint time) const { return time - link_->began; }

  std::shared_ptr<EmulatedLink> link_;
  LinkFlow out_;
  LinkFlow in_;
  LinkTime checked_;  // for resets, until here
};

}  // namespace cecollm::transport
