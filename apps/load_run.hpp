#pragma once
// One load run in this process: an actor system with its virtual edges, until its report.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "load/load_messages.hpp"
#include "load/recording.hpp"
#include "load/workload.hpp"

#include "apps/failure.hpp"
#include "apps/load_flags.hpp"
#include "apps/settings.hpp"
#include "apps/termination.hpp"
#include "model/engine.hpp"
#include "monitoring/log.hpp"
#include "transport/messages.hpp"

namespace cecollm::apps {

/// What the edges have: a recording, or an engine with prompts.
struct LoadMaterial {
  model::ModelConfig config;
  transport::ModelDigests digests;
  const model::RowCodec* codec = nullptr;
  policy::ExitThresholds thresholds;
  std::vector<load::LoadPrompt> prompts;
  std::shared_ptr<const load::Recording> recording;  // replay
  std::shared_ptr<model::Engine> engine;             // full: Part::edge
};

/// Called some times a second, on the caller's thread.
using ProgressSink = std::function<void(const load::LoadProgress&)>;

struct LoadResult {
  std::shared_ptr<load::RunLog> log;
  std::string problem;  // why it ended before its time; empty: it did not
};

/// Blocks until the run is over and the edges have said goodbye. A signal ends it early.
Outcome<LoadResult> run_load(const EdgeSettings& settings, LoadMaterial material,
                             const LoadChoices& choices, std::size_t edges,
                             const monitoring::Logger& logger, Termination& termination,
                             const ProgressSink& on_progress);

}  // namespace cecollm::apps
