#pragma once
// The flags of `cecollm load` that are not an edge's settings, and the plan they make.

#include <optional>
#include <string>
#include <vector>

#include "load/link_mix.hpp"
#include "load/load_driver.hpp"
#include "load/service_objectives.hpp"

#include "apps/failure.hpp"
#include "apps/load_prompts.hpp"

namespace cecollm::apps {

struct LoadFlags {
  std::string kind = "replay";
  std::string recording;
  LoadPromptFlags prompts;
  std::size_t edges = 1;
  std::optional<double> rate;  // open loop
  double burstiness = 1;
  std::optional<std::size_t> concurrency;  // closed loop
  std::string think;
  std::optional<std::uint64_t> requests;
  std::string duration;
  std::string drain;
  std::string ramp_up;
  std::string order = "shuffled";
  std::string token_time;
  std::vector<std::string> links;
  std::string objectives;
  std::string cloud_metrics;
  std::string json;
  std::string csv;
  std::string html;
  bool quiet = false;
};

/// Refers to `flags` until the command line is parsed.
void add_load_flags(CLI::App& command, LoadFlags& flags);

/// What the flags mean, checked.
struct LoadChoices {
  bool replay = true;
  load::LoadPlan plan;
  std::optional<std::chrono::nanoseconds> token_time;
  std::vector<load::WeightedLink> links;
  load::ServiceObjectives objectives;
  std::optional<transport::Endpoint> cloud_metrics;
};

/// Without a seed, which is a setting.
Outcome<LoadChoices> choices_of(const LoadFlags& flags);

/// What the run is, for its report.
load::RunDescription describe(const LoadFlags& flags, const LoadChoices& choices,
                              const std::string& cloud);

}  // namespace cecollm::apps
