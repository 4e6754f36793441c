#include "policy/goodput.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace cecollm::policy {
namespace {

// Shorter transmissions drown in the jitter of any scheduler.
constexpr Duration resolution = std::chrono::milliseconds(1);
// The time of a smaller transmission is mostly the scheduler's, so it may prove that the link is
// faster than thought, never that it is slower.
constexpr std::uint64_t least_telling_bytes = 2048;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

using Sends = std::map<TimePoint, std::uint64_t>;

/// The least rate of a pipe that has carried all of `sends` by `now`.
double least_rate(const Sends& sends, TimePoint now) {
  double rate = 0.0;
  std::uint64_t size = 0;
  for (auto send = sends.rbegin(); send != sends.rend(); ++send) {
    size += send->second;
    if (size < least_telling_bytes) continue;
    rate = std::max(rate,
                    static_cast<double>(size) / seconds(std::max(now - send->first, resolution)));
  }
  return rate;
}

}  // namespace

void GoodputEstimate::on_sent(TimePoint now, std::uint64_t bytes, Stream stream) {
  if (bytes == 0) return;
  backlog_ = backlog(now) + static_cast<double>(bytes);
  backlog_at_ = now;
  unacknowledged_ += bytes;
  auto& sends = sends_[stream];
  if (sends.size() < max_sends) {
    sends.push_back({now, bytes});
  } else {
    sends.back().bytes += bytes;
  }
}

void GoodputEstimate::on_acknowledged(TimePoint now, std::uint64_t bytes, Duration base_round_trip,
                                      Stream stream) {
  const auto found = sends_.find(stream);
  if (found == sends_.end()) return;
  auto& sends = found->second;
  std::vector<Send> covered;
  std::uint64_t left = bytes;
  while (left > 0 && !sends.empty()) {
    Send& front = sends.front();
    const std::uint64_t part = std::min(left, front.bytes);
    covered.push_back({front.at, part});
    left -= part;
    front.bytes -= part;
    if (front.bytes == 0) sends.pop_front();
  }
  if (sends.empty()) sends_.erase(found);
  bytes -= left;
  if (bytes == 0) return;
  double rate = 0.0;
  std::uint64_t size = 0;
  for (auto send = covered.rbegin(); send != covered.rend(); ++send) {
    size += send->bytes;
    TimePoint start = send->at + base_round_trip;
    if (last_acknowledged_) start = std::max(start, *last_acknowledged_);
    rate = std::max(rate, static_cast<double>(size) / seconds(std::max(now - start, resolution)));
  }
  if (bytes >= least_telling_bytes || rate >= bytes_per_second().value_or(0.0)) {
    rates_[samples_ % rates_.size()] = rate;
    ++samples_;
  }
  last_acknowledged_ = now;
  unacknowledged_ -= bytes;
  on_passed(now, covered.back().at);
}

void GoodputEstimate::on_ended(TimePoint now, Stream stream) {
  const auto found = sends_.find(stream);
  if (found == sends_.end()) return;
  backlog_ = backlog(now);
  backlog_at_ = now;
  if (backlog_ == 0.0) drop_ended(now);
  for (const auto& send : found->second) {
    unacknowledged_ -= send.bytes;
    ended_bytes_ += send.bytes;
    const bool full = ended_.size() >= max_sends;
    (full ? std::prev(ended_.end())->second : ended_[send.at]) += send.bytes;
  }
  sends_.erase(found);
}

void GoodputEstimate::on_passed(TimePoint now, TimePoint sent) {
  Sends passed(ended_.begin(), ended_.lower_bound(sent));
  drop_ended(sent);
  std::uint64_t left = ended_bytes_;
  for (const auto& [stream, sends] : sends_) {
    for (const auto& send : sends) (send.at < sent ? passed[send.at] : left) += send.bytes;
  }
  // Samples of a slower time would last for ever where acknowledgements are rare.
  const double proven = least_rate(passed, now);
  for (std::size_t i = 0; i < std::min<std::size_t>(samples_, rates_.size()); ++i) {
    rates_[i] = std::max(rates_[i], proven);
  }
  backlog_ = std::min(backlog(now), static_cast<double>(left));
  backlog_at_ = now;
}

void GoodputEstimate::drop_ended(TimePoint sent) {
  const auto end = ended_.lower_bound(sent);
  for (auto send = ended_.begin(); send != end; ++send) ended_bytes_ -= send->second;
  ended_.erase(ended_.begin(), end);
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
  return std::clamp(backlog_ - drained, 0.0, static_cast<double>(unacknowledged_ + ended_bytes_));
}

Duration GoodputEstimate::delay(TimePoint now) const {
  const auto rate = bytes_per_second();
  if (!rate) return Duration::zero();
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::min(backlog(now) / *rate, 86400.0)));
}

}  // namespace cecollm::policy
