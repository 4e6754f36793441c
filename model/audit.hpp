#pragma once
// The audit of DESIGN.md's parity invariant (docs/parity.md): are these tokens, from these heads,
// what the algorithm prescribes, up to the last bits of floating point?

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/engine.hpp"
#include "model/reference.hpp"

namespace cecollm::model {

struct AuditedToken {
  TokenId id = 0;
  int head = final_head;  // 0-based exit or final_head
  /// A fallback took exit `head` although its confidence was below the threshold, or in standalone:
  /// the lower bound on the confidence does not apply.
  bool below_threshold_allowed = false;
};

struct AuditReport {
  bool passed = true;
  std::int64_t tokens = 0;
  std::int64_t needed_tolerance = 0;  // tokens equal only within the tolerance
  std::vector<std::string> failures;  // one sentence each, at most 10
  double tolerance_share() const {
    return tokens == 0 ? 0.0 : static_cast<double>(needed_tolerance) / static_cast<double>(tokens);
  }
};

/// Teacher-forces prompt + emitted through one full pass of `whole` (greedy only). Each token's
/// logit at its head must be >= maximum - tolerance, a head that fired must have confidence >=
/// threshold - tolerance, every exit passed over confidence < threshold + tolerance.
Result<AuditReport> audit(Engine& whole, std::span<const TokenId> prompt,
                          std::span<const AuditedToken> emitted, std::span<const float> thresholds,
                          float tolerance = 1e-3F);

}  // namespace cecollm::model
