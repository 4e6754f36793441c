#pragma once
// How many tokens a request asks for: a distribution that is given as a short text.

#include <cstdint>
#include <random>
#include <string_view>

#include "model/error.hpp"

namespace cecollm::load {

class LengthDistribution {
 public:
  /// Always `length`.
  explicit LengthDistribution(std::int64_t length = 128);

  /// Rounded to a whole number from 1 to `most`.
  std::int64_t draw(std::mt19937_64& random, std::int64_t most) const;

 private:
  friend model::Result<LengthDistribution> parse_length_distribution(std::string_view text);
  enum class Kind { fixed, uniform, normal, lognormal, exponential } kind_ = Kind::fixed;
  double a_ = 0;
  double b_ = 0;
};

/// "128", "uniform:16:256" (both inclusive), "normal:MEAN:DEVIATION", "lognormal:MEDIAN:SIGMA",
/// "exponential:MEAN". `out_of_range` says what a text should look like.
model::Result<LengthDistribution> parse_length_distribution(std::string_view text);

}  // namespace cecollm::load
