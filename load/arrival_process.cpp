#include "load/arrival_process.hpp"

#include <algorithm>
#include <cmath>

namespace cecollm::load {
namespace {

/// Later than any run ends, and far from overflow.
constexpr double latest_seconds = 1e9;

}  // namespace

ArrivalProcess::ArrivalProcess(const ArrivalSettings& settings)
    : rate_(settings.rate),
      ramp_up_(std::chrono::duration<double>(settings.ramp_up).count()),
      random_(settings.seed),
      gap_(settings.burstiness, 1.0 / settings.burstiness) {}

std::chrono::nanoseconds ArrivalProcess::next() {
  arrived_ += gap_(random_);
  const std::chrono::duration<double> time(
      std::min(time_of_arrival(arrived_, rate_, ramp_up_), latest_seconds));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time);
}

double time_of_arrival(double requests, double rate, double ramp_up) {
  // While it ramps up, rate * t^2 / (2 ramp_up) requests come until t.
  const double in_ramp = rate * ramp_up / 2;
  if (requests < in_ramp) return std::sqrt(2 * ramp_up * requests / rate);
  return ramp_up + (requests - in_ramp) / rate;
}

}  // namespace cecollm::load
