#pragma once
// `cecollm cloud`: serves edges until it is stopped.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_cloud(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
