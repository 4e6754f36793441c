#pragma once
// Time as policy sees it: an argument. Nothing in this folder reads a clock.

#include <chrono>

namespace cecollm::policy {

using Duration = std::chrono::nanoseconds;
/// Of a clock that never goes back; tests make their own.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace cecollm::policy
