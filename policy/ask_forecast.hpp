#pragma once
// Whether the cloud will be asked for a token, foretold when an exit before the last was not sure.
// The cloud's layers need no more than the first exit's row: an ask made then is answered while the
// edge runs its later layers. One made in vain costs the cloud a pass and the link two small
// frames, so it is made where it will more likely than not be wanted.

#include <array>
#include <cstddef>
#include <vector>

#include "policy/exit_decision.hpp"

namespace cecollm::policy {

/// Learns from what became of earlier tokens how often an exit that was so sure was followed by an
/// ask; where none was so sure yet, how often any was. A value without a clock.
class AskForecast {
 public:
  /// More likely than not; false where nothing is known yet. `exit` was not sure, and not the last.
  bool likely(Confidence confidence, std::size_t exit, const ExitThresholds& thresholds) const;
  /// How it ended with a token at which `exit` was not sure.
  void learn(Confidence confidence, std::size_t exit, const ExitThresholds& thresholds, bool asked);

 private:
  /// Confidence as a share of the last exit's threshold, in equal parts.
  static constexpr std::size_t parts = 10;
  /// Older tokens count for less: at so many, all counts are halved.
  static constexpr double memory = 64;
  struct Count {
    double asked = 0;
    double sure = 0;
  };

  static std::size_t part_of(Confidence confidence, const ExitThresholds& thresholds);

  std::vector<std::array<Count, parts>> exits_;
};

}  // namespace cecollm::policy
