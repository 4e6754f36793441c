#include "transport/link_flow.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cecollm::transport {

namespace {

using namespace std::chrono_literals;

constexpr LinkTime least_timeout_margin = 200ms;
constexpr LinkTime longest_timeout = 60s;

bool is_still(LinkState state) {
  return state == LinkState::stall || state == LinkState::reset;
}

double seconds(LinkTime time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

LinkFlow::LinkFlow(const LinkShape& shape, LinkDirection direction, std::uint64_t connection)
    : shape_(&shape), direction_(direction) {
  std::seed_seq seeds{
      static_cast<std::uint32_t>(shape.seed), static_cast<std::uint32_t>(shape.seed >> 32U),
      static_cast<std::uint32_t>(connection), static_cast<std::uint32_t>(connection >> 32U),
      static_cast<std::uint32_t>(direction)};
  random_.seed(seeds);
}

LinkSegment LinkFlow::link_at(LinkTime time) const {
  auto link = shape_->at(time);
  if (forced_ != LinkState::up) {
    link.state = forced_;
  }
  return link;
}

double LinkFlow::rate(const LinkSegment& link) const {
  return direction_ == LinkDirection::up ? link.up_bytes_per_second : link.down_bytes_per_second;
}

LinkTime LinkFlow::delay(const LinkSegment& link) {
  auto delay = link.rtt / 2;
  if (shape_->jitter.count() > 0) {
    // Each way has half of it, up and down.
    const auto part = (2 * chance() - 1) * static_cast<double>(shape_->jitter.count()) / 2;
    delay += LinkTime(static_cast<std::int64_t>(part));
  }
  return std::max(delay, LinkTime{0});
}

LinkTime LinkFlow::next_timeout(LinkTime last, const LinkSegment& link) const {
  return last.count() > 0 ? std::min(2 * last, longest_timeout)
                          : link.rtt + std::max<LinkTime>(least_timeout_margin, 4 * shape_->jitter);
}

double LinkFlow::chance() {
  // The standard's distributions differ between libraries.
  return static_cast<double>(random_() >> 11U) * 0x1.0p-53;
}

void LinkFlow::send(std::span<const char> bytes, LinkTime now) {
  while (!bytes.empty()) {
    const auto size = std::min(bytes.size(), packet_bytes);
    Packet packet;
    packet.bytes.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    packet.entered = now;
    enter(std::move(packet));
    bytes = bytes.subspan(size);
  }
  advance(now);
}

void LinkFlow::send_end(LinkTime now) {
  Packet packet;
  packet.end = true;
  packet.entered = now;
  enter(std::move(packet));
  advance(now);
}

void LinkFlow::enter(Packet packet) {
  waiting_bytes_ += packet.bytes.size();
  waiting_.push_back(std::move(packet));
}

std::vector<char> LinkFlow::receive(LinkTime now) {
  std::vector<char> bytes;
  do {
    advance(now);
  } while (take_arrived(now, bytes));  // which makes room in flight
  return bytes;
}

LinkTime LinkFlow::next_event() const {
  const bool moves = !in_flight_.empty() && !is_still(forced_);
  return std::min(next_departure_, moves ? in_flight_.front().arrives : LinkTime::max());
}

void LinkFlow::force(LinkState state, LinkTime now) {
  advance(now);
  forced_ = state;
  last_departure_ = now;  // the new state does not reach into the past
  advance(now);
}

void LinkFlow::advance(LinkTime now) {
  next_departure_ = LinkTime::max();
  while (!waiting_.empty()) {
    next_departure_ = departure(now);
    if (next_departure_ > now) {
      return;
    }
    depart(next_departure_);
    next_departure_ = LinkTime::max();
  }
}

LinkTime LinkFlow::departure(LinkTime now) {
  const auto& packet = waiting_.front();
  if (bytes_in_flight_ + packet.bytes.size() > most_in_flight) {
    return LinkTime::max();  // until something arrives
  }
  auto time = std::max({packet.entered, last_departure_, retry_at_, tokens_at_});
  while (time <= now) {
    const auto link = link_at(time);
    if (is_still(link.state)) {
      time = is_still(forced_) ? LinkTime::max() : shape_->end_of_segment(time);
      continue;
    }
    if (link.state == LinkState::outage) {
      retry_timeout_ = next_timeout(retry_timeout_, link);
      time = retry_at_ = time + retry_timeout_;
      continue;
    }
    if (rate(link) <= 0) {
      return time;
    }
    tokens_ = std::min(burst_bytes, tokens_ + seconds(time - tokens_at_) * rate(link));
    tokens_at_ = time;
    const auto missing = static_cast<double>(packet.bytes.size()) - tokens_;
    if (missing <= 0) {
      return time;
    }
    const auto wait = static_cast<std::int64_t>(std::ceil(missing / rate(link) * 1e9));
    time = std::min(time + LinkTime(wait), shape_->end_of_segment(time));
  }
  return time;
}

void LinkFlow::depart(LinkTime time) {
  auto packet = std::move(waiting_.front());
  waiting_.pop_front();
  const auto link = link_at(time);
  waiting_bytes_ -= packet.bytes.size();
  bytes_in_flight_ += packet.bytes.size();
  if (rate(link) > 0) {
    tokens_ -= static_cast<double>(packet.bytes.size());
  }
  retry_at_ = retry_timeout_ = LinkTime{0};
  last_departure_ = time;
  packet.sent = time;
  packet.arrives = std::max(time + delay(link), last_arrival_);
  packet.lost = chance() < shape_->loss;
  last_arrival_ = packet.arrives;
  in_flight_.push_back(std::move(packet));
}

void LinkFlow::send_again(Packet& packet) {
  packet.timeout = next_timeout(packet.timeout, shape_->at(packet.sent));
  packet.sent += packet.timeout;
  const auto link = shape_->at(packet.sent);
  packet.arrives = packet.sent + delay(link);
  packet.lost = link.state == LinkState::outage || chance() < shape_->loss;
}

bool LinkFlow::take_arrived(LinkTime now, std::vector<char>& bytes) {
  bool taken = false;
  while (!in_flight_.empty() && in_flight_.front().arrives <= now && !is_still(forced_)) {
    auto& packet = in_flight_.front();
    const auto link = link_at(packet.arrives);
    if (is_still(link.state)) {
      packet.arrives = shape_->end_of_segment(packet.arrives);
    } else if (packet.lost || link.state == LinkState::outage) {
      send_again(packet);
    } else {
      bytes.insert(bytes.end(), packet.bytes.begin(), packet.bytes.end());
      bytes_in_flight_ -= packet.bytes.size();
      ended_ = ended_ || packet.end;
      in_flight_.pop_front();
      taken = true;
    }
  }
  return taken;
}

}  // namespace cecollm::transport
