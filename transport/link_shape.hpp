#pragma once
// What an emulated link is like: a value, constant or from a trace. LinkFlow applies it.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "transport/error.hpp"

namespace cecollm::transport {

/// Time since the emulation began.
using LinkTime = std::chrono::nanoseconds;

enum class LinkState {
  up,
  stall,   // nothing moves and nothing is lost: a handover, a full buffer somewhere
  outage,  // whatever is sent is lost and sent again, later and later, as TCP does
  reset,   // connections are reset, and new ones refused as long as it lasts
};

/// From `start` on.
struct LinkSegment {
  LinkTime start{0};
  std::chrono::nanoseconds rtt{0};   // half of it each way
  double up_bytes_per_second = 0;    // edge to cloud; 0: no limit
  double down_bytes_per_second = 0;  // cloud to edge; 0: no limit
  LinkState state = LinkState::up;
};

class LinkShape {
 public:
  /// A link of no delay and no limit.
  LinkShape() : segments_(1) {}
  /// At least one segment, the first at 0, starts strictly rising and below `period`. With a
  /// period of 0 the last segment lasts for ever, else all begin anew after it.
  LinkShape(std::vector<LinkSegment> segments, LinkTime period)
      : segments_(std::move(segments)), period_(period) {}

  /// The segment at `time`; its `start` is that of its present repetition.
  LinkSegment at(LinkTime time) const;
  /// When the segment at `time` ends; LinkTime::max() where it does not.
  LinkTime end_of_segment(LinkTime time) const;
  bool has_resets() const;

  std::chrono::nanoseconds jitter{0};  // the round trip varies within this, up and down
  double loss = 0;                     // of packets, in [0, 1)
  std::uint64_t seed = 0;

 private:
  std::size_t index_at(LinkTime in_period) const;
  std::vector<LinkSegment> segments_;
  LinkTime period_{0};
};

/// "rtt=50ms,jitter=5ms,up=5mbit,down=20mbit,loss=1%,seed=7"; what is left out is perfect. Units:
/// us, ms, s; kbit, mbit, gbit. `bad_link` names what cannot be read.
Result<LinkShape> parse_link_spec(std::string_view spec);

/// CSV with the header time_s,rtt_ms,mbit_up,mbit_down,state and rising times from 0. States: up,
/// stall, outage, reset; and loop, which ends the trace and begins it anew at that time (without
/// it the last line lasts for ever). Lines that begin with # are comments. Errors (`bad_link`) name
/// `name` and the line.
Result<LinkShape> parse_link_trace(std::string_view csv, const std::string& name);
Result<LinkShape> load_link_trace(const std::filesystem::path& file);

}  // namespace cecollm::transport
