#pragma once
// `cecollm relay`: an emulated link as a hop between an edge and a cloud.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_relay(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
