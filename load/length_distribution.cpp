#include "load/length_distribution.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace cecollm::load {
namespace {

constexpr double longest = 1e6;

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (auto at = text.find(':'); at != std::string_view::npos; at = text.find(':')) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

LengthDistribution::LengthDistribution(std::int64_t length) : a_(static_cast<double>(length)) {}

std::int64_t LengthDistribution::draw(std::mt19937_64& random, std::int64_t most) const {
  double length = a_;
  switch (kind_) {
    case Kind::fixed:
      break;
    case Kind::uniform:
      length = std::floor(std::uniform_real_distribution<double>(a_, b_ + 1)(random));
      length = std::min(length, b_);  // the interval's end may be rounded up to
      break;
    case Kind::normal:
      if (b_ > 0) length = std::normal_distribution<double>(a_, b_)(random);
      break;
    case Kind::lognormal:
      if (b_ > 0) length = std::lognormal_distribution<double>(std::log(a_), b_)(random);
      break;
    case Kind::exponential:
      length = std::exponential_distribution<double>(1 / a_)(random);
      break;
  }
  const double bound = std::max(1.0, static_cast<double>(most));
  return std::llround(std::clamp(length, 1.0, bound));
}

model::Result<LengthDistribution> parse_length_distribution(std::string_view text) {
  using Kind = LengthDistribution::Kind;
  const auto parts = parts_of(text);
  std::vector<double> numbers;
  const bool plain = parts.size() == 1;
  bool good = parts.size() <= 3;
  for (std::size_t i = plain ? 0 : 1; good && i < parts.size(); ++i) {
    const auto number = number_in(parts[i]);
    good = number && *number >= 0 && *number <= longest;
    if (good) numbers.push_back(*number);
  }
  LengthDistribution lengths;
  good = good && numbers.front() > 0;
  if (good && numbers.size() == 1) {
    lengths.a_ = numbers[0];
    lengths.kind_ = plain ? Kind::fixed : Kind::exponential;
    good = plain || parts[0] == "exponential";
  } else if (good) {
    lengths.a_ = numbers[0];
    lengths.b_ = numbers[1];
    if (parts[0] == "uniform") {
      lengths.kind_ = Kind::uniform;
      good = lengths.a_ <= lengths.b_;
    } else {
      lengths.kind_ = parts[0] == "normal" ? Kind::normal : Kind::lognormal;
      good = parts[0] == "normal" || parts[0] == "lognormal";
    }
  }
  if (good) return lengths;
  return model::fail(model::ErrorCode::out_of_range,
                     "'" + std::string(text) +
                         "' is no length such as 128, uniform:16:256, normal:128:32, "
                         "lognormal:96:0.7 or exponential:128");
}

}  // namespace cecollm::load
