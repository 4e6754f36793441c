#include "policy/step_cost.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace cecollm::policy {

StepCost::StepCost(double half_life) : fade_(std::exp2(-1.0 / half_life)) {}

void StepCost::on_step(std::int64_t rows, Duration took) {
  const auto x = static_cast<double>(rows);
  const double y = std::chrono::duration<double>(took).count();
  weight_ = fade_ * weight_ + 1.0;
  rows_ = fade_ * rows_ + x;
  seconds_ = fade_ * seconds_ + y;
  rows_squared_ = fade_ * rows_squared_ + x * x;
  rows_seconds_ = fade_ * rows_seconds_ + x * y;
}

Duration StepCost::expected(std::int64_t rows) const {
  if (weight_ == 0.0) return Duration::zero();
  const double mean_rows = rows_ / weight_;
  const double mean_seconds = seconds_ / weight_;
  const double variance = rows_squared_ / weight_ - mean_rows * mean_rows;
  const double covariance = rows_seconds_ / weight_ - mean_rows * mean_seconds;
  // Steps of one size tell nothing of the slope: what is known then is their mean.
  const double steepest = mean_rows > 0.0 ? mean_seconds / mean_rows : 0.0;
  const double slope = variance > 1e-9 ? std::clamp(covariance / variance, 0.0, steepest) : 0.0;
  const double fixed = mean_seconds - slope * mean_rows;
  const double total = fixed + slope * static_cast<double>(rows);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(total));
}

}  // namespace cecollm::policy
