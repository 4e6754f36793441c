// Traces and specifications of emulated links: what is accepted has a segment at every time.

#include <chrono>
#include <cmath>

#include "tests/fuzz/targets.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::fuzz {
namespace {

void check_shape(const transport::LinkShape& shape) {
  require(shape.loss >= 0 && shape.loss < 1, "loss is a share below 1");
  require(shape.jitter.count() >= 0, "jitter is no negative time");
  for (const auto time : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(1),
                          std::chrono::nanoseconds(std::chrono::milliseconds(1500)),
                          std::chrono::nanoseconds(std::chrono::hours(10000))}) {
    const auto segment = shape.at(time);
    require(segment.start <= time && shape.end_of_segment(time) > time,
            "a segment holds the time that it is asked for");
    require(segment.rtt.count() >= 0, "a round trip is no negative time");
    require(std::isfinite(segment.up_bytes_per_second) && segment.up_bytes_per_second >= 0 &&
                std::isfinite(segment.down_bytes_per_second) && segment.down_bytes_per_second >= 0,
            "rates are finite");
  }
}

}  // namespace

void link_description(std::string_view input) {
  if (const auto trace = transport::parse_link_trace(input, "trace.csv")) {
    check_shape(*trace);
  } else {
    require(trace.error().code == transport::ErrorCode::bad_link, "a bad trace is a bad link");
  }
  if (const auto link = transport::parse_link_spec(input)) check_shape(*link);
}

}  // namespace cecollm::fuzz
