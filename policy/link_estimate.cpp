#include "policy/link_estimate.hpp"

namespace cecollm::policy {

void LinkEstimate::on_connected() {
  *this = LinkEstimate(settings_);
  connected_ = true;
}

void LinkEstimate::on_disconnected() {
  connected_ = false;
}

void LinkEstimate::on_ping_sent(TimePoint now) {
  inquired_ = now;
}

void LinkEstimate::on_pong(TimePoint now, TimePoint sent, Duration own_queue) {
  on_heard();
  inquired_ = now;
  round_trip_.add(now, now - sent, own_queue);
  goodput_.on_passed(now, sent);
}

void LinkEstimate::on_ping_timeout() {
  ++ping_timeouts_;
  round_trip_.back_off();
}

void LinkEstimate::on_answer(TimePoint now, TimePoint sent, Duration cloud_time,
                             Duration own_queue) {
  on_heard();
  expired_asks_ = 0;
  inquired_ = now;
  round_trip_.add(now, now - sent - cloud_time, own_queue);
  goodput_.on_passed(now, sent);
}

void LinkEstimate::on_ask_expired() {
  ++expired_asks_;
}

void LinkEstimate::on_heard() {
  ping_timeouts_ = 0;
}

void LinkEstimate::on_uploaded(TimePoint now, std::uint64_t bytes, GoodputEstimate::Stream stream) {
  goodput_.on_sent(now, bytes, stream);
}

void LinkEstimate::on_acknowledged(TimePoint now, std::uint64_t bytes,
                                   GoodputEstimate::Stream stream, Duration cloud_time) {
  on_heard();
  goodput_.on_acknowledged(
      now, bytes, round_trip_.recent_minimum().value_or(Duration::zero()) + cloud_time, stream);
}

void LinkEstimate::on_upload_ended(TimePoint now, GoodputEstimate::Stream stream) {
  goodput_.on_ended(now, stream);
}

std::optional<TimePoint> LinkEstimate::next_ping(Duration interval) const {
  if (!connected_) return std::nullopt;
  return inquired_ ? *inquired_ + interval : TimePoint();
}

}  // namespace cecollm::policy
