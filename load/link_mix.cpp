#include "load/link_mix.hpp"

#include <charconv>
#include <cmath>
#include <random>
#include <utility>

namespace cecollm::load {

transport::Result<WeightedLink> parse_weighted_link(const std::string& text) {
  WeightedLink link;
  std::string rest = text;
  if (const auto star = text.find('*'); star != std::string::npos) {
    const auto* last = text.data() + star;
    const auto [end, error] = std::from_chars(text.data(), last, link.weight);
    if (error != std::errc{} || end != last || !std::isfinite(link.weight) || link.weight <= 0) {
      return transport::fail(transport::ErrorCode::bad_link,
                             "'" + text.substr(0, star) + "' before * is no weight such as 3");
    }
    rest = text.substr(star + 1);
  }
  auto shape =
      rest.ends_with(".csv") ? transport::load_link_trace(rest) : transport::parse_link_spec(rest);
  if (!shape) return tl::unexpected(shape.error());
  link.shape = *std::move(shape);
  return link;
}

std::vector<transport::LinkShape> draw_links(const std::vector<WeightedLink>& mix,
                                             std::size_t edges, std::uint64_t seed) {
  std::vector<transport::LinkShape> links;
  if (mix.empty()) return links;
  std::vector<double> weights;
  weights.reserve(mix.size());
  for (const auto& link : mix) weights.push_back(link.weight);
  std::mt19937_64 random(seed);
  std::discrete_distribution<std::size_t> choice(weights.begin(), weights.end());
  links.reserve(edges);
  for (std::size_t edge = 0; edge < edges; ++edge) {
    links.push_back(mix[choice(random)].shape);
    links.back().seed = random();
  }
  return links;
}

}  // namespace cecollm::load
