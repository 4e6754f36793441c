#pragma once
// Generation client: stands for one choice of a request before the edge. Its death cancels the
// generation.

#include <memory>

#include <caf/all.hpp>

#include "actors/edge_handles.hpp"
#include "api/generation_events.hpp"

namespace cecollm::api {

struct GenerationClientState {
  static inline const char* name = "generation_client";
};

/// Starts the generation, passes what comes of it on to `events`, and ends with it. `events` get a
/// GenerationFinished whatever happens, unless the client is killed first.
caf::behavior generation_client(caf::stateful_actor<GenerationClientState>* self,
                                const actors::edge_supervisor_actor& edge,
                                actors::GenerationRequest request, std::size_t choice,
                                std::shared_ptr<GenerationEvents> events);

}  // namespace cecollm::api
