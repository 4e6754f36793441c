// Link shapes as people write them: specifications on a command line, and traces.

#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "transport/link_shape.hpp"

namespace cecollm::transport {

namespace {

constexpr double longest_seconds = 1e6;      // of a round trip or a trace
constexpr double fastest_bytes = 1e12;       // a second
constexpr std::size_t most_lines = 1000000;  // of a trace

auto bad_link(const std::string& where, const std::string& why) {
  return fail(ErrorCode::bad_link, where + ": " + why);
}

/// A number from 0 on; `rest` is what follows it.
std::optional<double> number_of(std::string_view text, std::string_view& rest) {
  double value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(value) || value < 0) {
    return std::nullopt;
  }
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit time_units[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
constexpr Unit rate_units[] = {{"kbit", 1e3 / 8}, {"mbit", 1e6 / 8}, {"gbit", 1e9 / 8}};
constexpr Unit share_units[] = {{"%", 0.01}, {"", 1}};

template <std::size_t n>
std::optional<double> quantity_of(std::string_view text, const Unit (&units)[n]) {
  std::string_view rest;
  const auto number = number_of(text, rest);
  for (const auto& unit : units) {
    if (number && rest == unit.name) {
      return *number * unit.factor;
    }
  }
  return std::nullopt;
}

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(value * 1e9)));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::optional<LinkState> state_of(std::string_view text) {
  constexpr std::pair<std::string_view, LinkState> states[] = {{"up", LinkState::up},
                                                               {"stall", LinkState::stall},
                                                               {"outage", LinkState::outage},
                                                               {"reset", LinkState::reset}};
  for (const auto& [name, state] : states) {
    if (name == text) {
      return state;
    }
  }
  return std::nullopt;
}

/// Applies one key=value of a specification; the result is why it cannot be.
std::optional<std::string> apply(std::string_view key, std::string_view value, LinkSegment& segment,
                                 LinkShape& shape) {
  if (key == "rtt" || key == "jitter") {
    const auto time = quantity_of(value, time_units);
    if (!time || *time > longest_seconds) {
      return "is no time such as 50ms";
    }
    (key == "rtt" ? segment.rtt : shape.jitter) = seconds(*time);
  } else if (key == "up" || key == "down") {
    const auto rate = quantity_of(value, rate_units);
    if (!rate || *rate <= 0 || *rate > fastest_bytes) {
      return "is no rate such as 5mbit";
    }
    (key == "up" ? segment.up_bytes_per_second : segment.down_bytes_per_second) = *rate;
  } else if (key == "loss") {
    const auto share = quantity_of(value, share_units);
    if (!share || *share > 0.9) {
      return "is no share from 0 to 90%";
    }
    shape.loss = *share;
  } else if (key == "seed") {
    const auto* last = value.data() + value.size();
    const auto [end, error] = std::from_chars(value.data(), last, shape.seed);
    if (error != std::errc{} || end != last) {
      return "is no whole number";
    }
  } else {
    return "is none of rtt, jitter, up, down, loss, seed";
  }
  return std::nullopt;
}

/// One line of a trace. An empty state is `loop`.
struct TraceLine {
  LinkTime time{0};
  std::optional<LinkSegment> segment;
};

Result<TraceLine> read_line(std::string_view text, const std::string& where) {
  const auto fields = split(text, ',');
  if (fields.size() != 5) {
    return bad_link(where, "has " + std::to_string(fields.size()) + " fields, not 5");
  }
  std::string_view rest;
  const auto time = number_of(fields[0], rest);
  if (!time || !rest.empty() || *time > longest_seconds) {
    return bad_link(where, "time_s is '" + std::string(fields[0]) + "', no number of seconds");
  }
  TraceLine line;
  line.time = seconds(*time);
  if (fields[4] == "loop") {
    return line;
  }
  const char* names[] = {"time_s", "rtt_ms", "mbit_up", "mbit_down"};
  double values[4] = {};
  for (std::size_t i = 1; i < 4; ++i) {
    const auto value = number_of(fields[i], rest);
    if (!value || !rest.empty() || *value > longest_seconds * 1000 || (i > 1 && *value <= 0)) {
      return bad_link(where, std::string(names[i]) + " is '" + std::string(fields[i]) +
                                 "', no number " + (i > 1 ? "above 0" : "from 0 on"));
    }
    values[i] = *value;
  }
  const auto state = state_of(fields[4]);
  if (!state) {
    return bad_link(
        where, "state is '" + std::string(fields[4]) + "', none of up, stall, outage, reset, loop");
  }
  line.segment = LinkSegment{line.time, seconds(values[1] / 1000), values[2] * 1e6 / 8,
                             values[3] * 1e6 / 8, *state};
  return line;
}

}  // namespace

Result<LinkShape> parse_link_spec(std::string_view spec) {
  LinkSegment segment;
  LinkShape settings;
  for (const auto part : split(spec, ',')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) {
      return bad_link("link specification", "'" + std::string(part) + "' is no key=value");
    }
    const auto key = part.substr(0, equals);
    const auto value = part.substr(equals + 1);
    if (const auto problem = apply(key, value, segment, settings)) {
      return bad_link("link specification", "'" + std::string(part) + "' " + *problem);
    }
  }
  LinkShape shape({segment}, LinkTime{0});
  shape.jitter = settings.jitter;
  shape.loss = settings.loss;
  shape.seed = settings.seed;
  return shape;
}

Result<LinkShape> parse_link_trace(std::string_view csv, const std::string& name) {
  std::vector<LinkSegment> segments;
  LinkTime period{0};
  bool header_seen = false;
  std::size_t number = 0;
  for (auto text : split(csv, '\n')) {
    const auto where = name + ":" + std::to_string(++number);
    if (text.ends_with('\r')) {
      text.remove_suffix(1);
    }
    if (text.empty() || text.starts_with('#')) {
      continue;
    }
    if (!header_seen) {
      if (text != "time_s,rtt_ms,mbit_up,mbit_down,state") {
        return bad_link(where, "the header must be time_s,rtt_ms,mbit_up,mbit_down,state");
      }
      header_seen = true;
      continue;
    }
    if (period.count() > 0) {
      return bad_link(where, "nothing may follow the loop");
    }
    if (segments.size() >= most_lines) {
      return bad_link(where, "a trace has at most " + std::to_string(most_lines) + " lines");
    }
    const auto line = read_line(text, where);
    if (!line) {
      return tl::unexpected(line.error());
    }
    if (segments.empty() ? line->time.count() != 0 || !line->segment
                         : line->time <= segments.back().start) {
      return bad_link(where, segments.empty() ? "the first time must be 0" : "times must rise");
    }
    if (line->segment) {
      segments.push_back(*line->segment);
    } else {
      period = line->time;
    }
  }
  if (segments.empty()) {
    return bad_link(name, "the trace has no lines");
  }
  return LinkShape(std::move(segments), period);
}

Result<LinkShape> load_link_trace(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::stringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    return bad_link(file.string(), "cannot be read");
  }
  return parse_link_trace(text.str(), file.string());
}

}  // namespace cecollm::transport
