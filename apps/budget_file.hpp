#pragma once
// The file in which an edge keeps what it has spent of its day's upload budget.

#include <filesystem>

#include "apps/failure.hpp"
#include "policy/budget_record.hpp"

namespace cecollm::apps {

/// What `file` says; nothing spent where there is none yet. Fails where it says something else, or
/// a day after `today`, or cannot be written: the edge would forget what it sends.
Outcome<policy::SpentBudget> load_spent_budget(const std::filesystem::path& file,
                                               policy::Day today);

}  // namespace cecollm::apps
