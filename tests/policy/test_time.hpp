#pragma once
// Times of a test: milliseconds since its start.

#include <chrono>

#include "policy/time.hpp"

namespace cecollm::policy {

inline Duration ms(double milliseconds) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double, std::milli>(milliseconds));
}

inline TimePoint at(double milliseconds) {
  return TimePoint{} + ms(milliseconds);
}

inline double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace cecollm::policy
