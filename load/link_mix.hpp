#pragma once
// Emulated links of many edges, drawn from a mix: --edge-link '3*rtt=50ms,up=20mbit'.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "transport/link_shape.hpp"

namespace cecollm::load {

struct WeightedLink {
  double weight = 1;
  transport::LinkShape shape;
};

/// "[WEIGHT*]SPEC" or "[WEIGHT*]FILE.csv"; `bad_link` says what is wrong.
transport::Result<WeightedLink> parse_weighted_link(const std::string& text);

/// One of the mix's links for each edge, each with chance of its own; empty for an empty mix.
std::vector<transport::LinkShape> draw_links(const std::vector<WeightedLink>& mix,
                                             std::size_t edges, std::uint64_t seed);

}  // namespace cecollm::load
