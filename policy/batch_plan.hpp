#pragma once
// Which contexts get how many rows of the next compute step. One product a weight serves all rows
// of a step, so steps should be full; but everybody whose token is nearly there waits for the whole
// step, so a long prompt goes through in pieces (as chunked prefill: Agrawal et al., Sarathi-Serve,
// OSDI 2024).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/step_cost.hpp"
#include "policy/time.hpp"

namespace cecollm::policy {

struct BatchLimits {
  std::int64_t rows = 256;   // of one step: bounds what a token waits for others' prompts
  std::size_t tokens = 128;  // that one step answers
};

/// A context with something to compute.
struct BatchCandidate {
  std::uint64_t client = 0;
  std::int64_t rows = 0;  // that wait; none: only its head is left to read
  bool asked = false;     // somebody waits for its token; otherwise it is work ahead of an ask
  TimePoint arrived{};    // of the ask; of the last row otherwise
  std::optional<TimePoint> deadline;
};

/// A candidate's part of the step.
struct BatchShare {
  std::size_t candidate = 0;  // its index
  std::int64_t rows = 0;      // the oldest ones
  bool answers = false;       // its ask has all its rows with these
  friend bool operator==(const BatchShare&, const BatchShare&) = default;
};

/// Candidates that need few rows share three quarters of the step, the others what remains; either
/// kind may take all where the other is absent. Within a kind each client's first ask comes before
/// any client's second, and older before newer. Work ahead of asks is done only where nobody asks,
/// a quarter of a step at a time, so that an ask which comes meanwhile waits no longer than that.
std::vector<BatchShare> plan_batch(std::span<const BatchCandidate> candidates,
                                   const BatchLimits& limits);

/// Candidates whose answer cannot come before its deadline even if their rows ran next: not worth
/// computing for.
std::vector<std::size_t> find_late(TimePoint now, std::span<const BatchCandidate> candidates,
                                   const BatchLimits& limits, const StepCost& cost);

/// When an ask that finds no room should be tried again: once those that wait will have been
/// served.
Duration retry_after(std::size_t waiting, const BatchLimits& limits, const StepCost& cost);

}  // namespace cecollm::policy
