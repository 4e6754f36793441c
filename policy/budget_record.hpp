#pragma once
// What outlives an edge of its day's upload budget: a line of text, "2026-11-28 1048576", the day
// (UTC) and the bytes spent in it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/budget.hpp"

namespace cecollm::policy {

struct SpentBudget {
  Day day{};
  std::uint64_t bytes = 0;
  friend bool operator==(const SpentBudget&, const SpentBudget&) = default;
};

/// One line with its end.
std::string to_text(const SpentBudget& spent);
/// Empty where `text` is anything but such a line (its end may be missing).
std::optional<SpentBudget> parse_spent_budget(std::string_view text);

/// When to write the record anew. It runs ahead of what is spent, so that an edge that dies without
/// a word has at most counted too much, and so that not every frame costs a write.
class BudgetRecord {
 public:
  /// `recorded` is what the record says; `step`, at least 1, is how far it may run ahead.
  BudgetRecord(const SpentBudget& recorded, std::uint64_t step)
      : recorded_(recorded), step_(step) {}

  /// What to write now that so much is spent; empty while the record covers it and half a step.
  std::optional<SpentBudget> on_spent(const SpentBudget& spent);

 private:
  SpentBudget recorded_;
  std::uint64_t step_;
};

/// A hundredth of the budget, at least 4 KiB and at most 1 MiB.
std::uint64_t record_step(std::uint64_t per_day);

}  // namespace cecollm::policy
