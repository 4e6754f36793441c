#pragma once
// Replay compute: takes the place of shallow compute on a virtual edge that has no model. What the
// layers would have given it looks up in a recording, and what they would have taken it waits, one
// pass after the other as on a device of its own. Needs no thread.

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "load/recording.hpp"
#include "load/type_ids.hpp"

namespace cecollm::load {

struct ReplaySetting {
  std::shared_ptr<const Recording> recording;
  /// What each pass takes that has new positions, later exits nothing; absent: as recorded.
  std::optional<std::chrono::nanoseconds> token_time;
};

struct ReplaySession {
  const RecordedGeneration* recorded = nullptr;  // known with the prompt
  std::size_t token = 0;                         // whose exits are read
  actors::BeginSession opened;
};

struct ReplayComputeState {
  static inline const char* name = "replay_compute";
  ReplaySetting setting;
  std::map<actors::GenerationId, ReplaySession> sessions;
  caf::actor_clock::time_point busy_until;
};

/// As shallow compute, and the timer of its passes.
using replay_compute_actor = actors::shallow_compute_actor::extend<caf::reacts_to<PassDone>>;

replay_compute_actor::behavior_type replay_compute(
    replay_compute_actor::stateful_pointer<ReplayComputeState> self, ReplaySetting setting);

}  // namespace cecollm::load
