#include "transport/link_shape.hpp"

#include <algorithm>
#include <iterator>

namespace cecollm::transport {

std::size_t LinkShape::index_at(LinkTime in_period) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), in_period,
      [](LinkTime time, const LinkSegment& segment) { return time < segment.start; });
  return static_cast<std::size_t>(std::distance(segments_.begin(), after)) -
         (after == segments_.begin() ? 0 : 1);
}

LinkSegment LinkShape::at(LinkTime time) const {
  const auto round = period_.count() > 0 ? time - time % period_ : LinkTime{0};
  auto segment = segments_[index_at(time - round)];
  segment.start += round;
  return segment;
}

LinkTime LinkShape::end_of_segment(LinkTime time) const {
  const auto round = period_.count() > 0 ? time - time % period_ : LinkTime{0};
  const auto next = index_at(time - round) + 1;
  if (next < segments_.size()) {
    return round + segments_[next].start;
  }
  return period_.count() > 0 ? round + period_ : LinkTime::max();
}

bool LinkShape::has_resets() const {
  return std::any_of(segments_.begin(), segments_.end(),
                     [](const LinkSegment& segment) { return segment.state == LinkState::reset; });
}

}  // namespace cecollm::transport
