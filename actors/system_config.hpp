#pragma once
// The actor system of a node: message types, I/O, and a scheduler that wakes at once.

#include <caf/all.hpp>

namespace cecollm::actors {

class SystemConfig : public caf::actor_system_config {
 public:
  /// `scheduler_threads` serve the light actors; whatever computes has its own thread. A token goes
  /// from one light actor to the next, so a second thread does no work but is woken for each of
  /// them: a token took 30 % longer with it (bench/collaboration_bench on two cores).
  explicit SystemConfig(std::size_t scheduler_threads = 1);
};

}  // namespace cecollm::actors
