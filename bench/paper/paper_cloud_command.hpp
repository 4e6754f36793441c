#pragma once
// `cecollm bench paper-cloud`: the cloud of `cecollm bench paper`, which starts it.

#include "apps/command.hpp"

namespace cecollm::bench {

void register_paper_cloud(CLI::App& bench, apps::Command& chosen);

}  // namespace cecollm::bench
