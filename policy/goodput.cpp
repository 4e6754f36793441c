#include "policy/goodput.hpp"

#include <algorithm>
#include <vector>

namespace cecollm::policy {
namespace {

// Shorter transmissions drown in the jitter of any scheduler.
constexpr Duration resolution = std::chrono::milliseconds(1);

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void GoodputEstimate::on_sent(TimePoint now, std::uint64_t bytes) {
  if (bytes == 0) return;
  backlog_ = backlog(now) + static_cast<double>(bytes);
  backlog_at_ = now;
  unacknowledged_ += bytes;
  if (sends_.size() < max_sends) {
    sends_.push_back({now, bytes});
  } else {
    sends_.back().bytes += bytes;
  }
}

void GoodputEstimate::on_acknowledged(TimePoint now, std::uint64_t bytes,
                                      Duration base_round_trip) {
  bytes = std::min(bytes, unacknowledged_);
  if (bytes == 0) return;
  std::vector<Send> covered;
  for (std::uint64_t left = bytes; left > 0;) {
    Send& front = sends_.front();
    const std::uint64_t part = std::min(left, front.bytes);
    covered.push_back({front.at, part});
    left -= part;
    front.bytes -= part;
    if (front.bytes == 0) sends_.pop_front();
  }
  double rate = 0.0;
  std::uint64_t size = 0;
  for (auto send = covered.rbegin(); send != covered.rend(); ++send) {
    size += send->bytes;
    TimePoint start = send->at + base_round_trip;
    if (last_acknowledged_) start = std::max(start, *last_acknowledged_);
    rate = std::max(rate, static_cast<double>(size) / seconds(std::max(now - start, resolution)));
  }
  rates_[samples_ % rates_.size()] = rate;
  ++samples_;
  last_acknowledged_ = now;
  unacknowledged_ -= bytes;
  backlog_ = backlog(now);
  backlog_at_ = now;
}

std::optional<double> GoodputEstimate::bytes_per_second() const {
  const std::size_t count = std::min<std::size_t>(samples_, rates_.size());
  if (count == 0) return std::nullopt;
  auto sorted = rates_;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  return sorted[count / 2];
}

double GoodputEstimate::backlog(TimePoint now) const {
  const double rate = bytes_per_second().value_or(0.0);
  const double drained = rate * std::max(0.0, seconds(now - backlog_at_));
  return std::clamp(backlog_ - drained, 0.0, static_cast<double>(unacknowledged_));
}

Duration GoodputEstimate::delay(TimePoint now) const {
  const auto rate = bytes_per_second();
  if (!rate) return Duration::zero();
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::min(backlog(now) / *rate, 86400.0)));
}

}  // namespace cecollm::policy
