#pragma once
// Deep compute: the cloud partition's layers, and the whole model for cloud-only requests. A
// detached actor: it computes on its own thread and takes work in the order of arrival.

#include <map>
#include <memory>
#include <optional>

#include "actors/type_ids.hpp"
#include "model/engine.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

struct DeepEngines {
  std::shared_ptr<model::Engine> cloud;  // fed with rows
  std::shared_ptr<model::Engine> whole;  // fed with ids; null: no cloud-only requests
};

struct DeepComputeSetting {
  DeepEngines engines;
  monitoring::CloudMetrics* metrics = nullptr;  // not null; outlives the actor
};

struct DeepComputeState {
  static inline const char* name = "deep_compute";
  DeepComputeSetting setting;
  struct Stream {
    transport::Generate request;
    peer_actor peer;
    std::uint32_t produced = 0;
    model::TokenId last = 0;
  };
  struct DeepSession {
    std::unique_ptr<model::Session> session;
    std::optional<Stream> stream;  // cloud-only
  };
  std::map<ContextKey, DeepSession> sessions;
};

deep_compute_actor::behavior_type deep_compute(
    deep_compute_actor::stateful_pointer<DeepComputeState> self, DeepComputeSetting setting);

}  // namespace cecollm::actors
