#pragma once
// What a command reads from its standard input.

#include <cstddef>
#include <istream>
#include <string>

#include "apps/failure.hpp"

namespace cecollm::apps {

inline constexpr std::size_t most_input_bytes = std::size_t{256} << 20U;

/// Everything up to the end; more than `most_bytes` is refused.
Outcome<std::string> read_all(std::istream& in, std::size_t most_bytes = most_input_bytes);

}  // namespace cecollm::apps
