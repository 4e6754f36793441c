#pragma once
// What a generation leaves in the edge's metrics and in its log.

#include "actors/generation_types.hpp"
#include "monitoring/log.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

/// One emitted token.
void count_token(const monitoring::EdgeMetrics& metrics, const policy::Source& source);

/// The end of a generation that was counted as active.
void count_generation(const monitoring::EdgeMetrics& metrics, const GenerationFinished& end);

/// One line at `level`; a failure, whose error it names, is a warning.
void log_generation(const monitoring::Logger& logger, monitoring::LogLevel level,
                    const GenerationFinished& end);

}  // namespace cecollm::actors
