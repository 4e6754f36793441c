#pragma once
// Edge supervisor: builds the edge's actors, starts generations, decides by the link's quality
// whether the edge works with the cloud or alone, and ends everything in order.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>

#include "actors/cloud_link.hpp"
#include "actors/conversations.hpp"
#include "actors/generation.hpp"
#include "actors/network_probe.hpp"
#include "actors/type_ids.hpp"
#include "monitoring/log.hpp"

namespace cecollm::actors {

struct EdgeSetting {
  /// Part::edge; null where `shallow` is given. Neither: all its generations are cloud-only.
  std::shared_ptr<model::Engine> engine;
  /// Serves other edges too, or has its rows from elsewhere: used as it is, and left running.
  shallow_compute_actor shallow;
  /// Of the model where there is no engine: layers, positions, end of text.
  model::ModelConfig config;
  std::shared_ptr<const model::Tokenizer> tokenizer;  // null: prompts come as ids
  std::optional<CloudLinkSetting> link;               // none: standalone for ever
  NetworkProbeSetting probe;         // the supervisor fills in its metrics and the link's
  policy::ModeSettings mode;         // of an edge with a link
  ConversationLimits conversations;  // none with a `shallow` that serves others
  bool adaptive = true;              // false: stay in mode.preferred whatever the link does
  std::size_t max_generations = 64;  // at a time; more are refused
  /// Ids are first_generation, first_generation + generation_step, …: edges that share `shallow`
  /// must not meet.
  GenerationId first_generation = 1;
  GenerationId generation_step = 1;
  /// Own threads for the actors that compute; off only in tests that own the scheduler.
  bool detached = true;
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actors
  monitoring::Logger logger;
  monitoring::LogLevel end_log_level = monitoring::LogLevel::debug;  // of each generation's end
  std::filesystem::path trace_file;  // of the generation that ended last; empty: none
};

struct EdgeSupervisorState {
  static inline const char* name = "edge_supervisor";
  EdgeSetting setting;
  tokenizer_actor tokenizer;
  shallow_compute_actor shallow;
  exit_decision_actor decisions;
  cloud_link_actor link;
  network_probe_actor probe;
  conversations_actor conversations;            // null where none are kept
  std::optional<policy::ModeController> modes;  // of an edge with a link
  std::optional<policy::Mode> held;             // by an operator
  LinkMeasured measured;                        // the last
  std::optional<caf::actor_clock::time_point> mode_due;
  GenerationId next_generation = 1;
  std::map<GenerationId, generation_actor> generations;
  bool shutting_down = false;
};

edge_supervisor_actor::behavior_type edge_supervisor(
    edge_supervisor_actor::stateful_pointer<EdgeSupervisorState> self, EdgeSetting setting);

}  // namespace cecollm::actors
