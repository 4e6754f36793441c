#pragma once
// Trace writer: writes the timeline of one generation to a file, and ends. Blocks, so it is spawned
// detached.

#include <filesystem>
#include <memory>

#include <caf/all.hpp>

#include "monitoring/generation_trace.hpp"
#include "monitoring/log.hpp"

namespace cecollm::actors {

/// What the timelines of an edge's generations become.
struct TraceSetting {
  std::filesystem::path file;  // each generation replaces that of the one before
  monitoring::Logger logger;
};

void trace_writer(caf::event_based_actor* self,
                  const std::shared_ptr<const monitoring::GenerationTrace>& trace,
                  const TraceSetting& setting);

}  // namespace cecollm::actors
