#include "actors/system_config.hpp"

#include <caf/io/all.hpp>

#include "actors/type_ids.hpp"

namespace cecollm::actors {

SystemConfig::SystemConfig(std::size_t scheduler_threads) {
  add_message_types<caf::id_block::cecollm_transport>();
  add_message_types<caf::id_block::cecollm_actors>();
  load<caf::io::middleman>();
  set("scheduler.max-threads", scheduler_threads);
  // Work stealing polls, with up to 10 ms of sleep once it has been idle for a while, which would
  // be added to every token; the shared queue wakes a worker at once.
  set("scheduler.policy", caf::atom("sharing"));
  // Tokens are separated by milliseconds; spinning workers would take the compute threads' cores.
  set("middleman.workers", std::size_t{0});
}

}  // namespace cecollm::actors
