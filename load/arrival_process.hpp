#pragma once
// When requests arrive in an open loop: a function of its settings and the time since the start.

#include <chrono>
#include <cstdint>
#include <random>

namespace cecollm::load {

struct ArrivalSettings {
  double rate = 1;  // requests a second, > 0
  /// Shape of the gamma distribution of the gaps, > 0: 1 is a Poisson process, less comes in
  /// bursts, more is steadier (as vLLM's --burstiness).
  double burstiness = 1;
  /// The rate rises evenly from 0 to `rate` over this time.
  std::chrono::nanoseconds ramp_up{0};
  std::uint64_t seed = 0;
};

class ArrivalProcess {
 public:
  explicit ArrivalProcess(const ArrivalSettings& settings);
  /// Of the next request, since the start; never falls.
  std::chrono::nanoseconds next();

 private:
  double rate_;
  double ramp_up_;  // seconds
  std::mt19937_64 random_;
  std::gamma_distribution<double> gap_;  // in requests: of mean 1
  double arrived_ = 0;                   // requests that a process without chance would have had
};

/// When an even process of `rate`, which rises from 0 over `ramp_up` seconds, has had so many
/// requests, in seconds.
double time_of_arrival(double requests, double rate, double ramp_up);

}  // namespace cecollm::load
