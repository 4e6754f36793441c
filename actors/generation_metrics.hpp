#pragma once
// What a generation leaves in the edge's metrics.

#include "actors/generation_types.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

/// One emitted token.
void count_token(const monitoring::EdgeMetrics& metrics, const policy::Source& source);

/// The end of a generation that was counted as active.
void count_generation(const monitoring::EdgeMetrics& metrics, const GenerationFinished& end);

}  // namespace cecollm::actors
