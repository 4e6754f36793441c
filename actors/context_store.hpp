#pragma once
// Context store: what the cloud remembers of every client's generations: the row log, the epoch and
// what deep compute has been given of it. From the row log deep compute's KV cache can be built
// again, so the log is the context and the cache only its working copy. Light work, on the I/O
// thread.

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/type_ids.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

struct ContextStoreSetting {
  std::int64_t hidden_size = 0;
  std::int64_t max_positions = 0;
  std::size_t max_contexts_per_client = 0;
  std::size_t max_contexts = 0;
  std::uint64_t max_row_bytes = 0;               // of all row logs; 0: no bound
  std::size_t max_contexts_per_identity = 0;     // over all edges of one certificate; 0: no bound
  std::uint64_t max_row_bytes_per_identity = 0;  // 0: no bound
  policy::AllowList allowed;                     // whose edges may work with this cloud
  bool run_ahead = true;                         // give deep compute rows before they are asked for
  int max_asks_under_way = 4;                    // per context; an edge waits for one at a time
  std::uint64_t acknowledge_bytes = 64U << 10U;  // of one client since the last word on them
  std::chrono::milliseconds context_ttl{0};      // idle contexts are dropped after it
  std::chrono::milliseconds grace_time{0};       // contexts outlive a lost connection this long
  std::chrono::milliseconds sweep_interval{1000};
  monitoring::CloudMetrics* metrics = nullptr;  // not null; outlives the actor
  monitoring::Logger logger;
};

/// One context's memory.
struct StoredContext {
  std::uint32_t epoch = 0;
  transport::Sampling wanted;  // as the edge said it
  model::SamplingParams sampling;
  std::vector<model::TokenId> prompt;
  bool prompt_handed = false;     // to deep compute
  std::vector<model::Rows> rows;  // the row log, in the wire's dtype
  std::uint64_t next_sequence = 0;
  std::uint64_t row_bytes = 0;
  std::size_t handed = 0;               // chunks of `rows` that deep compute has got
  std::uint64_t handed_rows = 0;        // in them
  std::vector<model::TokenId> emitted;  // output ids, where a penalty looks at them
  std::size_t handed_ids = 0;           // of `emitted`
  bool evicted = false;                 // deep compute had more, and gave it up
  std::uint64_t unacknowledged = 0;     // bytes
  int asks_under_way = 0;
  std::uint64_t answers = 0;
  std::uint64_t rows_used = 0;  // by an answer
  bool generating = false;      // cloud-only: deep compute runs it, no rows here
  caf::actor_clock::time_point opened;
  caf::actor_clock::time_point last_used;
};

struct StoredClient {
  std::string identity;
  std::uint64_t instance = 0;
  const model::RowCodec* codec = nullptr;
  peer_actor peer;
  bool attached = false;
  caf::actor_clock::time_point detached;
  std::map<std::uint64_t, StoredContext> contexts;
};

/// What the edges of one certificate hold together.
struct IdentityUse {
  std::size_t contexts = 0;
  std::uint64_t row_bytes = 0;
};

struct ContextStoreState {
  static inline const char* name = "context_store";
  ContextStoreSetting setting;
  deep_compute_actor compute;
  std::map<ClientId, StoredClient> clients;
  std::map<std::pair<std::string, std::uint64_t>, ClientId> by_identity;
  std::map<std::string, IdentityUse> use;  // by identity; only those that hold something
  ClientId last_client = 0;
  std::size_t contexts = 0;
  std::uint64_t row_bytes = 0;
};

context_store_actor::behavior_type context_store(
    context_store_actor::stateful_pointer<ContextStoreState> self,
    const ContextStoreSetting& setting, deep_compute_actor compute);

}  // namespace cecollm::actors
