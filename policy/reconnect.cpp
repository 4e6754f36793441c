#include "policy/reconnect.hpp"

#include <algorithm>
#include <cmath>

namespace cecollm::policy {

std::optional<std::string> problem_with(const ReconnectSettings& settings) {
  if (settings.initial <= Duration::zero()) return "initial must be above 0";
  if (settings.maximum < settings.initial) return "maximum must not be below initial";
  if (!(settings.multiplier >= 1.0 && settings.multiplier <= 10.0)) {
    return "multiplier must be between 1 and 10";
  }
  if (!(settings.jitter >= 0.0 && settings.jitter <= 1.0)) return "jitter must be between 0 and 1";
  if (settings.stable_after < Duration::zero()) return "stable_after must not be negative";
  if (settings.failback_after < Duration::zero()) return "failback_after must not be negative";
  return std::nullopt;
}

Duration reconnect_delay(const ReconnectSettings& settings, int failures, double random) {
  const double maximum = static_cast<double>(settings.maximum.count());
  const double grown = static_cast<double>(settings.initial.count()) *
                       std::pow(settings.multiplier, std::max(failures - 1, 0));
  const double delay = std::min(grown, maximum);
  const double share = settings.jitter * std::clamp(random, 0.0, 1.0);
  return Duration(std::llround(delay * (1.0 - share)));
}

EndpointChooser::EndpointChooser(const ReconnectSettings& settings, std::size_t endpoints)
    : settings_(settings), health_(endpoints) {}

std::optional<std::size_t> EndpointChooser::choose(TimePoint now) const {
  for (std::size_t i = 0; i < health_.size(); ++i) {
    if (may_try(health_[i], now)) return i;
  }
  return std::nullopt;
}

TimePoint EndpointChooser::next_attempt(TimePoint now) const {
  std::optional<TimePoint> earliest;
  for (const Health& health : health_) {
    if (may_try(health, now)) return now;
    earliest = earliest ? std::min(*earliest, *health.retry_at) : *health.retry_at;
  }
  return earliest.value_or(now);
}

std::optional<std::size_t> EndpointChooser::failback(TimePoint now) const {
  if (!connected_) return std::nullopt;
  for (std::size_t i = 0; i < *connected_; ++i) {
    const Health& health = health_[i];
    const bool rested = !health.failed_at || now - *health.failed_at >= settings_.failback_after;
    if (rested && may_try(health, now)) return i;
  }
  return std::nullopt;
}

void EndpointChooser::on_connected(std::size_t endpoint, TimePoint now) {
  if (connected_) health_[*connected_].connected_at.reset();
  connected_ = endpoint;
  health_[endpoint].connected_at = now;
  health_[endpoint].retry_at.reset();
}

void EndpointChooser::on_failed(std::size_t endpoint, TimePoint now, double random) {
  Health& health = health_[endpoint];
  if (health.connected_at && now - *health.connected_at >= settings_.stable_after) {
    health.failures = 0;
  }
  // Beyond this the delay has long been the maximum.
  health.failures = std::min(health.failures + 1, 1000);
  health.failed_at = now;
  health.retry_at = now + reconnect_delay(settings_, health.failures, random);
  health.connected_at.reset();
  if (connected_ == endpoint) connected_.reset();
}

void EndpointChooser::on_sent_away(std::size_t endpoint, TimePoint now, Duration pause,
                                   double random) {
  on_failed(endpoint, now, random);
  Health& health = health_[endpoint];
  health.retry_at = std::max(*health.retry_at, now + pause);
}

}  // namespace cecollm::policy
