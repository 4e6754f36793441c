#pragma once
// How a supervisor spawns its children.

#include <caf/all.hpp>

namespace cecollm::actors {

/// Monitored, so that it hears of their end; linked, so that they end with it, however that comes.
inline constexpr auto child_options = caf::monitored + caf::linked;

}  // namespace cecollm::actors
