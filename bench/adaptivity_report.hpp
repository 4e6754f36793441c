#pragma once
// What bench/adaptivity measured, and how it is written down.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cecollm::bench {

/// One mode over one link.
struct AdaptivityCell {
  std::string link;   // "rtt 5 ms" or a trace's name
  double rtt_ms = 0;  // 0: a trace
  std::string mode;
  std::int64_t tokens = 0;
  // Milliseconds between two tokens
  double mean_ms = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  /// Of what the edge's own layers took between two tokens.
  double own_p99_ms = 0;
  /// The 99th percentile of each gap over its bound, the deadline and the edge's own layers; empty
  /// where nothing has a deadline.
  std::optional<double> p99_of_bound;
  // Shares of the tokens
  double from_exits = 0;
  double from_cloud = 0;
  double fallback = 0;
  /// The full model's choice after the same text.
  double agreement = 0;
  double bytes_up_per_token = 0;
  double bytes_down_per_token = 0;
  std::int64_t mode_switches = 0;
};

/// adaptivity.md, adaptivity.json, adaptivity-mean.svg, adaptivity-p99.svg. False where a file
/// cannot be written.
bool write_adaptivity(const std::filesystem::path& directory, const std::string& conditions,
                      const std::vector<AdaptivityCell>& cells);

}  // namespace cecollm::bench
