#pragma once
// What one generation gave, for people (--json, summaries), whichever way it was run.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/generation_types.hpp"

namespace cecollm::apps {

/// As reports show durations.
double in_milliseconds(std::chrono::nanoseconds duration);

struct ReportedToken {
  model::TokenId id = 0;
  std::string text;
  std::string source;  // "exit1", …, "cloud", "fallback", "full"
  float confidence = 0.0F;
  float logprob = 0.0F;
  std::vector<model::TokenLogprob> top;
};

struct GenerationReport {
  std::string mode;  // as asked for
  std::string text;
  std::vector<ReportedToken> tokens;
  std::string finish_reason;
  std::string warning;  // empty if all went as asked for
  std::int64_t prompt_tokens = 0;
  policy::SourceCounts counts;
  std::chrono::nanoseconds time_to_first_token{0};
  std::chrono::nanoseconds total{0};
  actors::UploadStats upload;
  actors::ComputeStats compute;
  std::uint64_t values_clamped = 0;
  std::vector<actors::ModeSwitch> mode_switches;

  /// The part of `text` that no token shows: what was held back until the end.
  std::string tail() const;
  /// Mean over the tokens after the first; zero with fewer than two.
  std::chrono::nanoseconds time_per_token() const;
};

/// Adds one token of a running generation.
void add_token(GenerationReport& report, const actors::TokenEvent& event);
/// Adds what is known at its end.
void add_end(GenerationReport& report, const actors::GenerationFinished& end);

/// The object that `cecollm generate --json` prints.
std::string to_json(const GenerationReport& report);

}  // namespace cecollm::apps
