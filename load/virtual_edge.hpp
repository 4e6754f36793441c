#pragma once
// Virtual edge: one client of the cloud among many in this process. It has an edge's own actors
// (supervisor, generations, cloud link, probe) and shares CAF's threads with all the others; what
// it does not have is layers of its own. It sends the requests that the driver gives it and writes
// down what comes of them.

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "load/recording.hpp"
#include "load/replay_compute.hpp"
#include "load/type_ids.hpp"
#include "load/workload.hpp"

#include "actors/edge_supervisor.hpp"

namespace cecollm::load {

struct VirtualEdgeSetting {
  std::size_t number = 0;
  /// Its actors. Replaying edges need no engine and no `shallow`.
  actors::EdgeSetting edge;
  std::shared_ptr<const std::vector<LoadPrompt>> prompts;
  /// A replaying edge: what it replays. Null: a full edge, whose `edge.shallow` computes.
  std::shared_ptr<const Recording> recording;
  std::optional<std::chrono::nanoseconds> token_time;  // see ReplaySetting
  actors::GenerationRequest request;                   // less prompt and length
  load_driver_actor driver;
};

struct VirtualEdgeState {
  static inline const char* name = "virtual_edge";
  VirtualEdgeSetting setting;
  actors::edge_supervisor_actor supervisor;
  replay_compute_actor replay;  // of a replaying edge
  struct Running {
    RequestRecord record;
    caf::actor_clock::time_point start;  // of the run
    std::int64_t max_tokens = 0;
  };
  std::map<actors::GenerationId, Running> running;
  bool shutting_down = false;
};

virtual_edge_actor::behavior_type virtual_edge(
    virtual_edge_actor::stateful_pointer<VirtualEdgeState> self, VirtualEdgeSetting setting);

}  // namespace cecollm::load
