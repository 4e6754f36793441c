#pragma once
// One step of deep compute: who takes part, one pass over all of them, and what each is told.
// Internal to deep_compute.

#include "actors/deep_compute.hpp"

namespace cecollm::actors::deep {

using Self = deep_compute_actor::stateful_pointer<DeepComputeState>;

/// Runs one step over the busy contexts, if there is anything to run.
void run_step(Self self);

/// Whether the context has something to compute now.
bool is_busy(const DeepComputeState& state, const DeepContext& context);

/// Frees what is held of a context. Its peer and its store are told nothing.
void erase(Self self, ContextKey key);

/// The context, which has no ask, goes on as another generation from its first `rows` rows.
void restart(Self self, ContextKey key, DeepContext& context, std::int64_t rows,
             const model::SamplingParams& sampling);

/// Answers the waiting ask by an error that leaves the context as it is.
void refuse_ask(Self self, ContextKey key, DeepContext& context, transport::FaultCode code,
                std::string message, std::uint32_t retry_after_ms = 0);

/// The context cannot go on: its edge is told why, the store forgets it.
void break_off(Self self, ContextKey key, transport::FaultCode code, std::string message);

}  // namespace cecollm::actors::deep
