#pragma once
// Stories over a changing link, one after the other, at a pace at which one can watch.

#include <chrono>
#include <ostream>
#include <string>

#include "apps/edge_node.hpp"
#include "apps/settings.hpp"
#include "apps/termination.hpp"

namespace cecollm::apps {

struct LiveStory {
  std::string prompt;  // of the first; others follow
  std::chrono::milliseconds duration{0};
  bool terminal = false;  // the output is one
};

/// Writes until the time is over or a signal comes.
Outcome<void> write_live(EdgeNode& node, const EdgeSettings& settings, const LiveStory& story,
                         std::ostream& out, Termination& termination);

}  // namespace cecollm::apps
