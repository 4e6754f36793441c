#pragma once
// Deep compute: the cloud partition's layers, and the whole model for cloud-only requests. A
// detached actor that computes in steps on its own thread: what arrived before a step begins may
// take part in it, and policy/batch_plan.hpp says who does.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "actors/type_ids.hpp"
#include "model/engine.hpp"
#include "model/row_backlog.hpp"
#include "monitoring/metrics.hpp"
#include "policy/batch_plan.hpp"
#include "policy/step_cost.hpp"

namespace cecollm::actors {

struct DeepEngines {
  std::shared_ptr<model::Engine> cloud;  // fed with rows
  std::shared_ptr<model::Engine> whole;  // fed with ids; null: no cloud-only requests
};

struct DeepComputeSetting {
  DeepEngines engines;
  policy::BatchLimits batch;
  std::size_t max_waiting = 4096;  // asks; one more is told to come again
  std::int64_t kv_budget = 0;      // bytes; 0: no bound
  bool run_ahead = true;           // compute rows that nobody has asked about yet, when idle
  monitoring::CloudMetrics* metrics = nullptr;  // not null; outlives the actor
};

/// An ask on its way through the steps.
struct WaitingAsk {
  std::int64_t position = 0;
  caf::actor_clock::time_point arrived;
  std::chrono::milliseconds remaining{0};  // from `arrived` on; 0: no limit
};

/// A cloud-only generation.
struct DeepStream {
  transport::Generate request;
  std::vector<model::TokenId> text;  // the prompt, then each token
  std::uint32_t produced = 0;
};

/// What deep compute holds of a context.
struct DeepContext {
  std::uint32_t epoch = 0;
  peer_actor peer;
  context_store_actor store;  // who hears how it went
  model::SamplingParams sampling;
  std::unique_ptr<model::Session> session;     // null before its first step
  std::int64_t kv_bytes = 0;                   // of the session
  model::RowBacklog rows;                      // not computed yet
  std::vector<model::TokenId> prompt_history;  // ids that the session has yet to hear of
  std::vector<model::TokenId> output_history;
  std::optional<WaitingAsk> ask;
  std::optional<DeepStream> stream;
  caf::actor_clock::time_point last_asked;
  bool rebuilding = false;  // its KV was given up before

  std::int64_t computed() const { return session ? session->length() : 0; }
  std::int64_t known_rows() const { return computed() + rows.count(); }
};

struct DeepComputeState {
  static inline const char* name = "deep_compute";
  DeepComputeSetting setting;
  std::map<ContextKey, DeepContext> contexts;
  std::set<ContextKey> busy;  // those with something to compute
  std::size_t asks_waiting = 0;
  std::int64_t kv_bytes = 0;
  policy::StepCost cost;
  bool step_due = false;  // a RunStep is in the mailbox
};

deep_compute_actor::behavior_type deep_compute(
    deep_compute_actor::stateful_pointer<DeepComputeState> self, DeepComputeSetting setting);

}  // namespace cecollm::actors
