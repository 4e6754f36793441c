#pragma once
// Peer: the cloud's end of one connection. Greets the edge, turns frames into messages for the
// context store, and messages into frames.

#include <chrono>
#include <optional>
#include <string>

#include "actors/handshake.hpp"
#include "actors/type_ids.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

struct PeerSetting {
  CloudOffer offer;
  transport::Welcome welcome;
  std::chrono::milliseconds hello_limit{5000};  // from the handshake to the hello
  std::size_t max_prompt_tokens = 0;
  context_store_actor store;
  monitoring::CloudMetrics* metrics = nullptr;  // not null; outlives the actor
  monitoring::Logger logger;
};

struct PeerState {
  static inline const char* name = "peer";
  PeerSetting setting;
  enum class Phase { connecting, greeting, attaching, ready, closing } phase = Phase::connecting;
  caf::actor connection;
  std::string identity;
  std::optional<std::uint64_t> instance;  // once the store has been asked to attach it
  ClientId client = 0;
};

peer_actor::behavior_type peer(peer_actor::stateful_pointer<PeerState> self, PeerSetting setting);

}  // namespace cecollm::actors
