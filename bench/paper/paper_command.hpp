#pragma once
// `cecollm bench paper`: the paper's table, beside the baselines that a sceptic would choose.

#include "apps/command.hpp"

namespace cecollm::bench {

void register_paper(CLI::App& bench, apps::Command& chosen);

}  // namespace cecollm::bench
