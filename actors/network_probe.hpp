#pragma once
// Network probe: keeps the estimate of the link. It pings when traffic is not already telling, and
// tells the supervisor and the link what it makes of what it saw.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "actors/type_ids.hpp"
#include "monitoring/metrics.hpp"
#include "policy/link_estimate.hpp"

namespace cecollm::actors {

struct NetworkProbeSetting {
  std::chrono::milliseconds heartbeat{2000};   // silence after which a ping is due, at most
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actor
};

struct NetworkProbeState {
  static inline const char* name = "network_probe";
  NetworkProbeSetting setting;
  cloud_link_actor link;
  edge_supervisor_actor supervisor;
  std::string problem;    // why there is no connection
  bool mismatch = false;  // the problem is a mismatch of version, model or cut
  bool resolved = false;  // the first attempt to connect has come to something
  bool budget_exhausted = false;
  policy::LinkEstimate estimate;
  policy::CloudLoad load;
  std::chrono::milliseconds cloud_heartbeat{0};      // 0: it does not mind
  std::optional<policy::Duration> ordered_interval;  // instead of both heartbeats
  std::uint64_t last_nonce = 0;
  struct Ping {
    std::uint64_t nonce = 0;
    caf::actor_clock::time_point sent;
    policy::Duration own_queue{0};  // what waited before it
  };
  std::optional<Ping> ping;  // on its way
  std::optional<caf::actor_clock::time_point> next_tick;
  caf::actor_clock::time_point told;  // when the others last heard of us
  std::vector<caf::typed_response_promise<LinkReport>> waiting;
};

network_probe_actor::behavior_type network_probe(
    network_probe_actor::stateful_pointer<NetworkProbeState> self, NetworkProbeSetting setting,
    cloud_link_actor link, edge_supervisor_actor supervisor);

}  // namespace cecollm::actors
