#pragma once
// The actor system of a node: message types, I/O, and who runs the light actors.

#include <caf/all.hpp>

namespace cecollm::actors {

class SystemConfig : public caf::actor_system_config {
 public:
  /// A test that moves its actors itself chooses CAF's scheduler for that.
  enum class LightActors { on_io_thread, by_scheduler_policy };
  explicit SystemConfig(LightActors light_actors = LightActors::on_io_thread);
};

}  // namespace cecollm::actors
