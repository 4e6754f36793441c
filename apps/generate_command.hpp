#pragma once
// `cecollm generate`: one generation, in any mode.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_generate(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
