#include "load/metrics_text.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace cecollm::load {
namespace {

constexpr std::size_t most_buckets = 1000;

std::optional<double> sample_in(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

/// Where the value of the label `le` begins, whichever labels come before it.
std::size_t bound_in(std::string_view line) {
  constexpr std::string_view label = "le=\"";
  auto at = line.find(label);
  while (at != std::string_view::npos && line[at - 1] != '{' && line[at - 1] != ',') {
    at = line.find(label, at + 1);  // the end of "role"
  }
  return at == std::string_view::npos ? at : at + label.size();
}

}  // namespace

std::vector<BucketCount> histogram_in(std::string_view page, std::string_view name) {
  const auto begin = std::string(name) + "_bucket{";
  std::vector<BucketCount> buckets;
  double below = 0;
  while (!page.empty()) {
    const auto end = page.find('\n');
    auto line = page.substr(0, end);
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
    if (!line.starts_with(begin)) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto from = bound_in(line);
    const auto quote = from == std::string_view::npos ? from : line.find('"', from);
    const auto blank = line.rfind(' ');
    if (quote == std::string_view::npos || blank == std::string_view::npos) return {};
    const auto up_to = sample_in(line.substr(from, quote - from));
    const auto count = sample_in(line.substr(blank + 1));
    const bool rising = up_to && (buckets.empty() || *up_to > buckets.back().up_to);
    if (!rising || !count || *count < below || buckets.size() == most_buckets) return {};
    buckets.push_back({*up_to, *count - below});
    below = *count;
  }
  return buckets;
}

std::vector<BucketCount> difference(const std::vector<BucketCount>& before,
                                    const std::vector<BucketCount>& after) {
  if (before.size() != after.size()) return {};
  auto between = after;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const bool same = before[i].up_to == after[i].up_to;
    if (!same || before[i].count > after[i].count) return {};  // another cloud, or a restarted one
    between[i].count -= before[i].count;
  }
  return between;
}

}  // namespace cecollm::load
