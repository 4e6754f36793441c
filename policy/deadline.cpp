#include "policy/deadline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cecollm::policy {

std::uint32_t remaining_milliseconds(Duration remaining) {
  constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
  const std::int64_t rounded = std::chrono::ceil<std::chrono::milliseconds>(remaining).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(rounded, 1, most));
}

CloudLoad::CloudLoad(Duration half_life) : half_life_(std::max(half_life, Duration(1))) {}

void CloudLoad::on_report(TimePoint now, Duration queue, Duration compute) {
  last_[reports_ % last_.size()] = std::max(queue + compute, Duration::zero());
  ++reports_;
  reported_ = now;
}

Duration CloudLoad::expected(TimePoint now) const {
  const std::size_t count = std::min<std::size_t>(reports_, last_.size());
  if (count == 0) return Duration::zero();
  auto sorted = last_;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  const double age = std::chrono::duration<double>(std::max(now - reported_, Duration::zero())) /
                     std::chrono::duration<double>(half_life_);
  return Duration(std::llround(static_cast<double>(sorted[count / 2].count()) * std::exp2(-age)));
}

std::optional<AskCost> expected_cost(TimePoint now, const LinkEstimate& link,
                                     const CloudLoad& load) {
  const auto round_trip = link.round_trip().median();
  if (!round_trip) return std::nullopt;
  return AskCost{*round_trip, link.uplink_delay(now), load.expected(now)};
}

std::optional<AskCost> AskQuote::cost_at(TimePoint now, std::uint64_t bytes) const {
  if (!cost) return std::nullopt;
  auto current = *cost;
  current.uplink =
      std::max(current.uplink - std::max(now - at, Duration::zero()), Duration::zero());
  if (bytes_per_second && *bytes_per_second > 0) {
    const auto seconds = static_cast<double>(bytes) / *bytes_per_second;
    // Beyond an hour it makes no difference, and a cast of infinity would.
    current.uplink += std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::min(seconds, 3600.0)));
  }
  return current;
}

void AskGate::on_overloaded(TimePoint now, Duration pause) {
  paused_until_ = std::max(paused_until_, now + std::min(pause, longest_pause));
}

std::string_view name_of(AskVerdict verdict) {
  switch (verdict) {
    case AskVerdict::ask:
      return "ask";
    case AskVerdict::not_connected:
      return "not-connected";
    case AskVerdict::distrusted:
      return "distrusted";
    case AskVerdict::paused:
      return "paused";
    case AskVerdict::too_slow:
      return "too-slow";
  }
  return "unknown";
}

AskVerdict decide_ask(TimePoint now, bool connected, const AskGate& gate,
                      const std::optional<AskCost>& cost, std::optional<Duration> remaining) {
  if (!connected) return AskVerdict::not_connected;
  if (!gate.trusted()) return AskVerdict::distrusted;
  if (gate.paused(now)) return AskVerdict::paused;
  if (remaining && *remaining <= Duration::zero()) return AskVerdict::too_slow;
  if (remaining && cost && cost->total() > *remaining) return AskVerdict::too_slow;
  return AskVerdict::ask;
}

}  // namespace cecollm::policy
