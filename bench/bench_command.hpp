#pragma once
// `cecollm bench`: measurements that are part of the program, each a subcommand.

#include "apps/command.hpp"

namespace cecollm::bench {

void register_bench(CLI::App& app, apps::Command& chosen);

}  // namespace cecollm::bench
