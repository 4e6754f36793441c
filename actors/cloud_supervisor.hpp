#pragma once
// Cloud supervisor: builds the cloud's actors, listens, and ends everything in order.

#include <chrono>
#include <functional>

#include "actors/context_store.hpp"
#include "actors/deep_compute.hpp"
#include "actors/peer.hpp"
#include "actors/type_ids.hpp"

namespace cecollm::actors {

/// The supervisor fills in what its children share: metrics, logger, the peers' store.
struct CloudSetting {
  DeepComputeSetting compute;
  ContextStoreSetting store;
  PeerSetting peer;
  /// Starts to listen; every connection gets its owner from the factory. Tests listen in memory.
  std::function<transport::Result<transport::Listening>(transport::OwnerFactory)> listen;
  std::chrono::milliseconds farewell{2000};  // for the edges to take leave
  /// Own thread for the actor that computes; off only in tests that own the scheduler.
  bool detached = true;
  monitoring::CloudMetrics* metrics = nullptr;  // not null; outlives the actors
  monitoring::Logger logger;
};

struct CloudSupervisorState {
  static inline const char* name = "cloud_supervisor";
  CloudSetting setting;
  deep_compute_actor compute;
  context_store_actor store;
  caf::actor listener;
  bool stopping = false;
};

cloud_supervisor_actor::behavior_type cloud_supervisor(
    cloud_supervisor_actor::stateful_pointer<CloudSupervisorState> self, CloudSetting setting);

}  // namespace cecollm::actors
