#pragma once
// What a compute step takes, learnt from the steps before: a fixed part and a part for each row.

#include <cstdint>
#include <optional>

#include "policy/time.hpp"

namespace cecollm::policy {

/// Least squares over the steps so far, whose weight fades by half in `half_life` steps, so that it
/// follows a machine that gets busier. Neither part is ever negative.
class StepCost {
 public:
  explicit StepCost(double half_life = 64.0);
  void on_step(std::int64_t rows, Duration took);
  /// Zero before the first step.
  Duration expected(std::int64_t rows) const;

 private:
  double fade_;
  double weight_ = 0.0;
  double rows_ = 0.0;  // weighted sums
  double seconds_ = 0.0;
  double rows_squared_ = 0.0;
  double rows_seconds_ = 0.0;
};

}  // namespace cecollm::policy
