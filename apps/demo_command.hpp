#pragma once
// `cecollm demo`: cloud and edge on this machine tell a story together.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_demo(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
