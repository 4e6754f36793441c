#pragma once
// Budget keeper: writes what is spent of the day's upload budget to a file, so that a restarted
// edge goes on counting. Blocks, so it is spawned detached; ends after the link whose budget it is.

#include <filesystem>

#include <tl/expected.hpp>

#include "actors/type_ids.hpp"
#include "monitoring/log.hpp"
#include "policy/budget_record.hpp"

namespace cecollm::actors {

struct BudgetFile {
  std::filesystem::path path;
  policy::SpentBudget spent;  // what it said when the edge was started
  monitoring::Logger logger;
  bool detached = true;  // off only in tests that own the scheduler
};

/// Replaces the file as a whole and has it on the disk; the error is one sentence that names it.
tl::expected<void, std::string> write_spent_budget(const std::filesystem::path& file,
                                                   const policy::SpentBudget& spent);

struct BudgetKeeperState {
  static inline const char* name = "budget_keeper";
};

/// `owner` is the link.
budget_keeper_actor::behavior_type budget_keeper(
    budget_keeper_actor::stateful_pointer<BudgetKeeperState> self, const BudgetFile& file,
    const caf::actor& owner);

}  // namespace cecollm::actors
