#pragma once
// `cecollm config check` and `cecollm config keys`.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_config(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
