#pragma once
// `cecollm inspect`: what a checkpoint holds and what a cut of it costs.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_inspect(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
