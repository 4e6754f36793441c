#include "transport/link_emulator.hpp"

#include <algorithm>

namespace cecollm::transport {

namespace {

using namespace std::chrono_literals;

constexpr LinkTime first_syn_timeout = 1s;  // RFC 6298, and Linux
constexpr int most_syns = 16;

LinkDirection opposite(LinkDirection direction) {
  return direction == LinkDirection::up ? LinkDirection::down : LinkDirection::up;
}

}  // namespace

LinkEmulator::LinkEmulator(std::shared_ptr<EmulatedLink> link, LinkDirection outgoing,
                           TimePoint now)
    : link_(std::move(link)),
      out_(link_->shape, outgoing, link_->connections),
      in_(link_->shape, opposite(outgoing), link_->connections),
      checked_(since_began(now)) {
  ++link_->connections;
}

std::optional<LinkEmulator::TimePoint> LinkEmulator::connected_at(TimePoint now) const {
  auto time = since_began(now);
  auto timeout = first_syn_timeout;
  for (int syns = 0; syns < most_syns;) {
    const auto link = link_->shape.at(time);
    switch (link.state) {
      case LinkState::up:
        return link_->began + time + link.rtt;
      case LinkState::reset:
        return std::nullopt;
      case LinkState::stall:
        time = link_->shape.end_of_segment(time);
        break;
      case LinkState::outage:
        time += timeout;
        timeout *= 2;
        break;
    }
    if (time == LinkTime::max()) {
      break;
    }
    ++syns;
  }
  return TimePoint::max();
}

void LinkEmulator::send(std::span<const char> bytes, TimePoint now) {
  out_.send(bytes, since_began(now));
}

void LinkEmulator::send_end(TimePoint now) {
  out_.send_end(since_began(now));
}

std::vector<char> LinkEmulator::take_for_stream(TimePoint now) {
  return out_.receive(since_began(now));
}

void LinkEmulator::arrive(std::span<const char> bytes, TimePoint now) {
  in_.send(bytes, since_began(now));
}

void LinkEmulator::arrive_end(TimePoint now) {
  in_.send_end(since_began(now));
}

std::vector<char> LinkEmulator::take_for_session(TimePoint now) {
  return in_.receive(since_began(now));
}

bool LinkEmulator::was_reset(TimePoint now) {
  const auto& shape = link_->shape;
  const auto until = since_began(now);
  while (checked_ <= until) {
    if (shape.at(checked_).state == LinkState::reset) {
      return true;
    }
    const auto next = shape.end_of_segment(checked_);
    if (next > until) {
      break;
    }
    checked_ = next;
  }
  return false;
}

LinkEmulator::TimePoint LinkEmulator::next_event(TimePoint now) const {
  auto next = std::min(out_.next_event(), in_.next_event());
  if (link_->shape.has_resets()) {
    next = std::min(next, link_->shape.end_of_segment(since_began(now)));
  }
  return next == LinkTime::max() ? TimePoint::max() : link_->began + next;
}

void LinkEmulator::force(LinkState state, TimePoint now) {
  out_.force(state, since_began(now));
  in_.force(state, since_began(now));
}

}  // namespace cecollm::transport
