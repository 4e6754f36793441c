#pragma once
// Exit decision: applies policy::decide_exit to what the exits read. Light work, so it shares CAF's
// scheduler.

#include <map>

#include "actors/type_ids.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

struct ExitDecisionState {
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actor
  static inline const char* name = "exit_decision";
  struct Generation {
    policy::ExitThresholds thresholds;
    generation_actor reply_to;
    TraceHandle trace;
  };
  std::map<GenerationId, Generation> generations;
};

exit_decision_actor::behavior_type exit_decision(
    exit_decision_actor::stateful_pointer<ExitDecisionState> self,
    monitoring::EdgeMetrics* metrics);

}  // namespace cecollm::actors
