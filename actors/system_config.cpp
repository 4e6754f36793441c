#include "actors/system_config.hpp"

#include <caf/io/all.hpp>

#include "actors/light_scheduler.hpp"
#include "actors/type_ids.hpp"

namespace cecollm::actors {

SystemConfig::SystemConfig(LightActors light_actors) {
  add_message_types<caf::id_block::cecollm_transport>();
  add_message_types<caf::id_block::cecollm_actors>();
  load<caf::io::middleman>();
  if (light_actors == LightActors::on_io_thread) load<LightScheduler>();
  // Of one actor, before others and the sockets have their turn.
  set("scheduler.max-throughput", std::size_t{64});
  // Tokens are separated by milliseconds; spinning workers would take the compute threads' cores.
  set("middleman.workers", std::size_t{0});
}

}  // namespace cecollm::actors
