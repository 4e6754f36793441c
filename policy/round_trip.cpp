#include "policy/round_trip.hpp"

#include <algorithm>

namespace cecollm::policy {

RoundTripEstimate::RoundTripEstimate(const RoundTripSettings& settings)
    : settings_(settings), timeout_(settings.initial_timeout) {}

std::int64_t RoundTripEstimate::slot_index(TimePoint now) const {
  const Duration slot =
      std::max(settings_.minimum_window / static_cast<int>(slots_.size()), Duration(1));
  return now.time_since_epoch() / slot;
}

void RoundTripEstimate::add(TimePoint now, Duration round_trip, Duration own_queue) {
  const Duration sample = std::max(round_trip, Duration::zero());
  // RFC 6298, 2.2 and 2.3, with alpha = 1/8 and beta = 1/4.
  if (samples_ == 0) {
    smoothed_ = sample;
    variation_ = sample / 2;
  } else {
    const Duration distance = std::max(smoothed_, sample) - std::min(smoothed_, sample);
    variation_ = (3 * variation_ + distance) / 4;
    smoothed_ = (7 * smoothed_ + sample) / 8;
  }
  timeout_ = std::clamp(smoothed_ + std::max(settings_.granularity, 4 * variation_),
                        settings_.minimum_timeout, settings_.maximum_timeout);

  const std::int64_t index = slot_index(now);
  Slot& slot = slots_[static_cast<std::size_t>(index) % slots_.size()];
  if (slot.index != index) slot = {index, sample};
  slot.minimum = std::min(slot.minimum, sample);

  const Duration floor = minimum(now).value_or(sample);
  last_[samples_ % last_.size()] = std::max(sample - own_queue, floor);
  ++samples_;
}

void RoundTripEstimate::back_off() {
  timeout_ = std::min(2 * timeout_, settings_.maximum_timeout);
}

Duration RoundTripEstimate::timeout() const {
  return timeout_;
}

std::optional<Duration> RoundTripEstimate::smoothed() const {
  if (samples_ == 0) return std::nullopt;
  return smoothed_;
}

std::optional<Duration> RoundTripEstimate::variation() const {
  if (samples_ == 0) return std::nullopt;
  return variation_;
}

std::optional<Duration> RoundTripEstimate::median() const {
  const std::size_t count = std::min<std::size_t>(samples_, last_.size());
  if (count == 0) return std::nullopt;
  auto sorted = last_;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  return sorted[count / 2];
}

std::optional<Duration> RoundTripEstimate::recent_minimum() const {
  const std::size_t count = std::min<std::size_t>(samples_, last_.size());
  if (count == 0) return std::nullopt;
  return *std::min_element(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(count));
}

std::optional<Duration> RoundTripEstimate::minimum(TimePoint now) const {
  const std::int64_t newest = slot_index(now);
  const std::int64_t oldest = newest - static_cast<std::int64_t>(slots_.size()) + 1;
  std::optional<Duration> result;
  for (const Slot& slot : slots_) {
    if (slot.index < oldest || slot.index > newest) continue;
    result = result ? std::min(*result, slot.minimum) : slot.minimum;
  }
  return result;
}

}  // namespace cecollm::policy
