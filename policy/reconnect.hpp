#pragma once
// When to try a lost cloud again, and which of several. Randomness is an argument in [0, 1).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/time.hpp"

namespace cecollm::policy {

struct ReconnectSettings {
  Duration initial = std::chrono::milliseconds(200);
  Duration maximum = std::chrono::seconds(10);
  double multiplier = 2.0;
  /// The share of a delay that is drawn at random, so that many edges do not return at once.
  double jitter = 0.5;
  /// A connection that lasted so long was healthy: its end starts the back-off anew.
  Duration stable_after = std::chrono::seconds(10);
  /// While connected to a lesser cloud, how long a better one is left alone before it is tried.
  Duration failback_after = std::chrono::seconds(60);
};

/// What is wrong with `settings`, in a sentence that names the setting; empty if nothing.
std::optional<std::string> problem_with(const ReconnectSettings& settings);

/// The delay after the `failures`-th failure in a row (from 1): initial · multiplier^(failures -
/// 1), at most maximum, of which the share `jitter` is scaled by 1 - random.
Duration reconnect_delay(const ReconnectSettings& settings, int failures, double random);

/// Several endpoints in order of preference. Each has its own back-off, so a dead first choice does
/// not delay the second.
class EndpointChooser {
 public:
  /// Requires settings without a problem and at least one endpoint.
  EndpointChooser(const ReconnectSettings& settings, std::size_t endpoints);

  /// The best endpoint that may be tried now; empty while all wait.
  std::optional<std::size_t> choose(TimePoint now) const;
  /// When choose() will have one: now or later.
  TimePoint next_attempt(TimePoint now) const;
  /// While connected: an endpoint better than the connected one that deserves another try. The
  /// connection stays up until the better one has greeted.
  std::optional<std::size_t> failback(TimePoint now) const;

  /// The endpoint greeted and is in use; the one used before is not.
  void on_connected(std::size_t endpoint, TimePoint now);
  /// It could not be reached, refused, went silent, or closed.
  void on_failed(std::size_t endpoint, TimePoint now, double random);
  /// It asked to be left alone for `pause` (overloaded, going away).
  void on_sent_away(std::size_t endpoint, TimePoint now, Duration pause, double random);

  std::optional<std::size_t> connected() const { return connected_; }
  int failures(std::size_t endpoint) const { return health_[endpoint].failures; }

 private:
  struct Health {
    int failures = 0;  // in a row
    std::optional<TimePoint> retry_at;
    std::optional<TimePoint> failed_at;
    std::optional<TimePoint> connected_at;
  };
  bool may_try(const Health& health, TimePoint now) const {
    return !health.retry_at || *health.retry_at <= now;
  }

  ReconnectSettings settings_;
  std::vector<Health> health_;
  std::optional<std::size_t> connected_;
};

}  // namespace cecollm::policy
