#pragma once
// Conversations: what finished generations leave behind for the request that goes on with their
// text. The KV caches stay with shallow compute, the rows with the cloud link, the cloud's context
// on the cloud, all under the number of the generation that began the conversation; here is who it
// belongs to and which ids it has. What is kept is bounded in number, bytes and time; the longest
// unused goes first.

#include <chrono>
#include <list>
#include <string>
#include <vector>

#include "actors/type_ids.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

struct ConversationLimits {
  std::size_t max_kept = 0;  // 0: none
  std::uint64_t max_bytes = 0;
  std::chrono::milliseconds ttl{0};
};

struct ConversationsSetting {
  ConversationLimits limits;
  shallow_compute_actor shallow;
  cloud_link_actor link;                       // null without a cloud
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actor
};

struct ConversationsState {
  static inline const char* name = "conversations";
  struct Kept {
    Conversation conversation;
    caf::actor_clock::time_point expires;
  };
  ConversationsSetting setting;
  std::list<Kept> kept;  // the longest unused first
  std::uint64_t bytes = 0;
  bool sweeping = false;  // an ExpireConversations is on its way
};

conversations_actor::behavior_type conversations(
    conversations_actor::stateful_pointer<ConversationsState> self, ConversationsSetting setting);

}  // namespace cecollm::actors
