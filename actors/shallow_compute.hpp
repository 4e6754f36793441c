#pragma once
// Shallow compute: the edge partition's layers. A detached actor that computes in steps on its own
// thread: what arrived before a step begins may take part in it, so that several generations share
// each product. Several edges of one process may share it, as long as the ids of their generations
// differ.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/type_ids.hpp"
#include "model/engine.hpp"
#include "monitoring/metrics.hpp"
#include "policy/batch_plan.hpp"

namespace cecollm::actors {

struct ShallowSession {
  std::unique_ptr<model::Session> session;
  generation_actor generation;
  exit_decision_actor decisions;
  cloud_link_actor link;  // null: nobody wants the rows
  std::uint64_t values_clamped = 0;
  std::vector<model::TokenId> ids;  // that wait for the first stage
  std::size_t prompt_count = 0;     // how many of them, from the front, belong to the prompt
  std::optional<std::size_t> exit;  // a later exit that waits to be read
  policy::TimePoint arrived{};      // of what waits
  monitoring::EdgeMetrics* metrics = nullptr;  // null: nobody counts
  std::optional<policy::TimePoint> requested;  // until its first step
  std::int64_t kv_bytes = 0;                   // as they are counted
  TraceHandle trace;                           // mostly null
  std::vector<model::TokenId> resumed;         // prompt ids that penalties have yet to hear of
  std::int64_t layer_rows_before = 0;          // of the conversation's earlier generations
};

struct ShallowComputeState {
  static inline const char* name = "shallow_compute";
  std::shared_ptr<model::Engine> engine;
  policy::BatchLimits limits;
  std::map<GenerationId, ShallowSession> sessions;
  bool step_due = false;  // a RunShallowStep is in the mailbox
};

shallow_compute_actor::behavior_type shallow_compute(
    shallow_compute_actor::stateful_pointer<ShallowComputeState> self,
    std::shared_ptr<model::Engine> engine);

}  // namespace cecollm::actors
