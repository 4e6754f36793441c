#pragma once
// One direction of one connection over an emulated link. Pure: bytes in, bytes out, time as an
// argument, chance from a seed.

#include <cstdint>
#include <deque>
#include <random>
#include <span>
#include <vector>

#include "transport/link_shape.hpp"

namespace cecollm::transport {

enum class LinkDirection { up, down };  // edge to cloud, cloud to edge

/// Bytes travel in packets of at most `packet_bytes`. A packet waits for the rate (a token bucket
/// that holds `burst_bytes`) and for room in flight, takes half the round trip and its jitter, and
/// never overtakes. A lost packet, or one that is under way when an outage begins, comes after a
/// retransmission time-out (RTT + max(200 ms, 4 jitter) as Linux has it, doubling up to a minute)
/// and holds up all behind it. During an outage the first packet is tried again and again in the
/// same way, so that traffic resumes some time after the outage's end.
class LinkFlow {
 public:
  static constexpr std::size_t packet_bytes = 1448;  // a full segment on Ethernet
  static constexpr double burst_bytes = 4 * 1448;
  static constexpr std::uint64_t most_in_flight = 4U << 20U;  // as TCP's receive window

  /// `shape` outlives the flow. Flows of different connections meet different chance.
  LinkFlow(const LinkShape& shape, LinkDirection direction, std::uint64_t connection);

  /// Bytes enter at `now`. Times never fall, over all calls.
  void send(std::span<const char> bytes, LinkTime now);
  /// The end of the stream enters, behind all bytes.
  void send_end(LinkTime now);

  /// Takes out what has come through by `now`.
  std::vector<char> receive(LinkTime now);
  /// The end of the stream has come through; receive() has returned all before it.
  bool ended() const { return ended_; }

  /// When to call receive() next, because something comes through or moves on; in the past where
  /// it already has. LinkTime::max(): nothing is under way, or it waits for force().
  LinkTime next_event() const;

  /// Bytes that wait for the rate, for room, or for the link to be up: a socket's send buffer.
  std::uint64_t waiting_bytes() const { return waiting_bytes_; }
  std::uint64_t bytes_in_flight() const { return bytes_in_flight_; }

  /// Overrides the shape's state from `now` on; LinkState::up ends that.
  void force(LinkState state, LinkTime now);

 private:
  struct Packet {
    std::vector<char> bytes;
    bool end = false;
    LinkTime entered{0};
    LinkTime sent{0};  // for the last time
    LinkTime arrives{0};
    LinkTime timeout{0};  // before it was last sent; 0 for the first time
    bool lost = false;
  };

  /// The link at `time`, with a forced state.
  LinkSegment link_at(LinkTime time) const;
  double rate(const LinkSegment& link) const;
  LinkTime delay(const LinkSegment& link);
  LinkTime next_timeout(LinkTime last, const LinkSegment& link) const;
  double chance();

  void enter(Packet packet);
  /// Lets everything depart that can by `now`.
  void advance(LinkTime now);
  /// When the first waiting packet departs; where that is after `now`, possibly later still.
  LinkTime departure(LinkTime now);
  void depart(LinkTime time);
  void send_again(Packet& packet);
  /// Takes out the packets that have come through; false when there was none.
  bool take_arrived(LinkTime now, std::vector<char>& bytes);

  const LinkShape* shape_;
  LinkDirection direction_;
  std::mt19937_64 random_;
  LinkState forced_ = LinkState::up;

  std::deque<Packet> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  LinkTime next_departure_ = LinkTime::max();
  LinkTime last_departure_{0};
  LinkTime retry_at_{0};       // of the first waiting packet, in an outage
  LinkTime retry_timeout_{0};  // before retry_at_
  double tokens_ = burst_bytes;
  LinkTime tokens_at_{0};

  std::deque<Packet> in_flight_;
  std::uint64_t bytes_in_flight_ = 0;
  LinkTime last_arrival_{0};
  bool ended_ = false;
};

}  // namespace cecollm::transport
