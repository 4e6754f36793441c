#pragma once
// Exit decision: applies policy::decide_exit to what the exits read, and foretells from what it saw
// when the cloud will be asked.

#include <map>
#include <utility>
#include <vector>

#include "actors/type_ids.hpp"
#include "monitoring/metrics.hpp"
#include "policy/ask_forecast.hpp"

namespace cecollm::actors {

struct ExitDecisionState {
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actor
  static inline const char* name = "exit_decision";
  struct Generation {
    policy::ExitThresholds thresholds;
    generation_actor reply_to;
    bool foretell = false;
    TraceHandle trace;
    /// Exits of the present position that were not sure.
    std::vector<std::pair<std::size_t, policy::Confidence>> unsure;
  };
  policy::AskForecast forecast;
  std::map<GenerationId, Generation> generations;
};

exit_decision_actor::behavior_type exit_decision(
    exit_decision_actor::stateful_pointer<ExitDecisionState> self,
    monitoring::EdgeMetrics* metrics);

}  // namespace cecollm::actors
