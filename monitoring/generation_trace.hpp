#pragma once
// The timeline of one generation: what happened when, and for how long, on which part of edge and
// cloud. Written in Chrome's trace-event format ("Trace Event Format", Google), which Perfetto and
// chrome://tracing open. Holds times, counts and names of sources; never text or ids of tokens.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/error.hpp"
#include "monitoring/field.hpp"

namespace cecollm::monitoring {

/// The lines of the timeline. `cloud` is drawn as a process of its own.
enum class TraceTrack { generation, shallow_compute, exit_decision, uplink, cloud };
std::string_view name_of(TraceTrack track);

/// Thread-safe: the actors of an edge add to it from their own threads. Names are constants.
/// Bounded: what comes after `max_events` is only counted.
class GenerationTrace {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// A token leaves about ten events: enough for some five thousand tokens.
  static constexpr std::size_t default_max_events = 50'000;

  explicit GenerationTrace(std::uint64_t generation, std::size_t max_events = default_max_events);

  /// From `begin` to `end`. Spans of one track lie within each other or apart.
  void span(TraceTrack track, std::string_view name, TimePoint begin, TimePoint end,
            std::initializer_list<Field> fields = {});
  /// The same, for what may overlap others of its track; `id` tells those of one name apart.
  void flight(TraceTrack track, std::string_view name, std::uint64_t id, TimePoint begin,
              TimePoint end, std::initializer_list<Field> fields = {});
  /// A moment.
  void mark(TraceTrack track, std::string_view name, TimePoint at,
            std::initializer_list<Field> fields = {});
  /// The whole generation: the span around all others, which finds its place even in a full trace.
  void finish(TimePoint begin, TimePoint end, std::initializer_list<Field> fields);

  std::uint64_t generation() const { return generation_; }
  std::size_t dropped() const;
  /// One JSON object. Times are microseconds since the earliest event.
  std::string to_json() const;

 private:
  struct Event {
    char phase = 'X';  // of the format: X a span, b and e a flight's ends, i a moment
    TraceTrack track = TraceTrack::generation;
    std::string_view name;
    TimePoint at;
    std::chrono::nanoseconds length{0};
    std::uint64_t id = 0;
    std::string arguments;  // JSON members
  };
  void add(Event event);
  static void append(std::string& out, const Event& event, TimePoint origin);

  const std::uint64_t generation_;
  const std::size_t max_events_;
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::vector<Event> whole_;  // the event of finish(), if it was called
  std::size_t dropped_ = 0;
};

/// Replaces `file` in one step, so that a reader sees a whole trace. Blocks.
Result<void> write_trace_file(const GenerationTrace& trace, const std::filesystem::path& file);

}  // namespace cecollm::monitoring
