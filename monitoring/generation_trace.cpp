#include "monitoring/generation_trace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace cecollm::monitoring {
namespace {

constexpr std::array all_tracks{TraceTrack::generation, TraceTrack::shallow_compute,
                                TraceTrack::exit_decision, TraceTrack::uplink, TraceTrack::cloud};

/// The format's process and thread numbers. One process each for edge and cloud; 0 is Chrome's own.
int process_of(TraceTrack track) {
  return track == TraceTrack::cloud ? 2 : 1;
}
int thread_of(TraceTrack track) {
  return static_cast<int>(track) + 1;
}

std::string members_of(std::initializer_list<Field> fields) {
  std::string members;
  for (const Field& field : fields) {
    if (!members.empty()) members += ',';
    field.append_json(members);
  }
  return members;
}

void append_metadata(std::string& out, std::string_view what, int process, int thread,
                     std::string_view name) {
  fmt::format_to(
      std::back_inserter(out),
      "{{\"ph\":\"M\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":\"{}\"}}}},\n",
      what, process, thread, name);
}

/// Microseconds, to the nanosecond.
void append_microseconds(std::string& out, std::chrono::nanoseconds duration) {
  fmt::format_to(std::back_inserter(out), "{}.{:03}", duration.count() / 1000,
                 duration.count() % 1000);
}

}  // namespace

std::string_view name_of(TraceTrack track) {
  switch (track) {
    case TraceTrack::generation:
      return "generation";
    case TraceTrack::shallow_compute:
      return "shallow compute";
    case TraceTrack::exit_decision:
      return "exit decision";
    case TraceTrack::uplink:
      return "uplink";
    case TraceTrack::cloud:
      return "cloud";
  }
  return "unknown";
}

GenerationTrace::GenerationTrace(std::uint64_t generation, std::size_t max_events)
    : generation_(generation), max_events_(max_events) {}

void GenerationTrace::add(Event event) {
  const std::lock_guard lock(mutex_);
  if (events_.size() < max_events_) {
    events_.push_back(std::move(event));
  } else {
    ++dropped_;
  }
}

void GenerationTrace::span(TraceTrack track, std::string_view name, TimePoint begin, TimePoint end,
                           std::initializer_list<Field> fields) {
  add({'X', track, name, begin, end - begin, 0, members_of(fields)});
}

void GenerationTrace::flight(TraceTrack track, std::string_view name, std::uint64_t id,
                             TimePoint begin, TimePoint end, std::initializer_list<Field> fields) {
  add({'b', track, name, begin, end - begin, id, members_of(fields)});
}

void GenerationTrace::mark(TraceTrack track, std::string_view name, TimePoint at,
                           std::initializer_list<Field> fields) {
  add({'i', track, name, at, {}, 0, members_of(fields)});
}

void GenerationTrace::finish(TimePoint begin, TimePoint end, std::initializer_list<Field> fields) {
  Event event{'X', TraceTrack::generation, "generation", begin, end - begin, 0, members_of(fields)};
  const std::lock_guard lock(mutex_);
  whole_.assign(1, event);
}

std::size_t GenerationTrace::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void GenerationTrace::append(std::string& out, const Event& event, TimePoint origin) {
  fmt::format_to(std::back_inserter(out),
                 "{{\"ph\":\"{}\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":", event.phase,
                 event.name, process_of(event.track), thread_of(event.track));
  append_microseconds(out, event.at - origin);
  if (event.phase == 'X') {
    out += ",\"dur\":";
    append_microseconds(out, event.length);
  } else if (event.phase == 'b') {
    fmt::format_to(std::back_inserter(out), ",\"cat\":\"{}\",\"id\":{}", name_of(event.track),
                   event.id);
  } else {
    out += ",\"s\":\"t\"";  // drawn on its own line only
  }
  fmt::format_to(std::back_inserter(out), ",\"args\":{{{}}}}},\n", event.arguments);
  if (event.phase != 'b') return;
  fmt::format_to(
      std::back_inserter(out),
      "{{\"ph\":\"e\",\"name\":\"{}\",\"pid\":{},\"tid\":{},\"cat\":\"{}\",\"id\":{},\"ts\":",
      event.name, process_of(event.track), thread_of(event.track), name_of(event.track), event.id);
  append_microseconds(out, event.at + event.length - origin);
  out += "},\n";
}

std::string GenerationTrace::to_json() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Event*> all;
  all.reserve(events_.size() + 1);
  for (const auto* list : {&whole_, &events_}) {
    for (const Event& event : *list) all.push_back(&event);
  }
  // A span before those within it: readers nest events of one begin by their order.
  std::stable_sort(all.begin(), all.end(), [](const Event* a, const Event* b) {
    return a->at != b->at ? a->at < b->at : a->length > b->length;
  });
  std::string out = fmt::format(
      "{{\"displayTimeUnit\":\"ms\",\n\"otherData\":{{\"generation\":\"{}\",\"dropped_events\":\"{}"
      "\"}},\n"
      "\"traceEvents\":[\n",
      generation_, dropped_);
  append_metadata(out, "process_name", process_of(TraceTrack::generation), 0, "edge");
  append_metadata(out, "process_name", process_of(TraceTrack::cloud), 0, "cloud, as it reports");
  for (const auto track : all_tracks) {
    append_metadata(out, "thread_name", process_of(track), thread_of(track), name_of(track));
  }
  const auto origin = all.empty() ? TimePoint{} : all.front()->at;
  for (const Event* event : all) append(out, *event, origin);
  out.resize(out.size() - 2);  // the last comma
  out += "\n]}\n";
  return out;
}

Result<void> write_trace_file(const GenerationTrace& trace, const std::filesystem::path& file) {
  // Traces of one edge may end at the same time.
  auto fresh = file;
  fresh += "." + std::to_string(trace.generation()) + ".part";
  const auto failure = [&](std::string_view what) {
    auto message = fmt::format("{} {}: {}", fresh.string(), what, std::strerror(errno));
    std::error_code ignored;  // there may be nothing to remove
    std::filesystem::remove(fresh, ignored);
    return fail(ErrorCode::not_written, std::move(message));
  };
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    if (!out) return failure("cannot be opened");
    out << trace.to_json() << std::flush;
    if (!out) return failure("cannot be written");
  }
  std::error_code error;
  std::filesystem::rename(fresh, file, error);
  if (error) {
    std::filesystem::remove(fresh, error);
    return fail(ErrorCode::not_written, fmt::format("{} cannot be replaced", file.string()));
  }
  return {};
}

}  // namespace cecollm::monitoring
