#pragma once
// The actor system of a node: message types, I/O, and a scheduler that wakes at once.

#include <caf/all.hpp>

namespace cecollm::actors {

class SystemConfig : public caf::actor_system_config {
 public:
  /// `scheduler_threads` serve the light actors; whatever computes has its own thread.
  explicit SystemConfig(std::size_t scheduler_threads = 2);
};

}  // namespace cecollm::actors
