#pragma once
// Shallow compute: the edge partition's layers. A detached actor: it computes on its own thread and
// takes work in the order of arrival. Several edges of one process may share it, as long as the ids
// of their generations differ.

#include <map>
#include <memory>

#include "actors/type_ids.hpp"
#include "model/engine.hpp"

namespace cecollm::actors {

struct ShallowSession {
  std::unique_ptr<model::Session> session;
  generation_actor generation;
  exit_decision_actor decisions;
  cloud_link_actor link;  // null: nobody wants the rows
  std::uint64_t values_clamped = 0;
};

struct ShallowComputeState {
  static inline const char* name = "shallow_compute";
  std::shared_ptr<model::Engine> engine;
  std::map<GenerationId, ShallowSession> sessions;
};

shallow_compute_actor::behavior_type shallow_compute(
    shallow_compute_actor::stateful_pointer<ShallowComputeState> self,
    std::shared_ptr<model::Engine> engine);

}  // namespace cecollm::actors
