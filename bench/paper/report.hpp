#pragma once
// The results in writing: Markdown, JSON and plots.

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/failure.hpp"
#include "bench/paper/summary.hpp"

namespace cecollm::bench {

/// Where the figures come from.
struct RunDescription {
  std::string command;
  std::string machine;
  std::string commit;
  /// Name and value, in the order in which they are shown: model, link, prompts, …
  std::vector<std::pair<std::string, std::string>> conditions;
  /// What a reader must know before any figure, such as that decisions were replayed.
  std::vector<std::string> warnings;
};

struct Report {
  RunDescription run;
  std::vector<ModeSummary> modes;
  std::optional<double> full_model_right;
};

std::string to_markdown(const Report& report);
/// The figures with their intervals, and every trial's times.
std::string to_json(const Report& report, const std::vector<Trial>& trials);

/// Where the time of a response goes, by mode. A naive deployment's bar is cut.
std::string time_plot(const Report& report);
/// Request rate, agreement and the edge's share over the thresholds of the collaborative modes;
/// empty where there are fewer than two.
std::string threshold_plot(const Report& report);

/// paper.md, paper.json, paper-time.svg and, where there is one, paper-thresholds.svg.
apps::Outcome<void> write_report(const std::filesystem::path& directory, const Report& report,
                                 const std::vector<Trial>& trials);

}  // namespace cecollm::bench
