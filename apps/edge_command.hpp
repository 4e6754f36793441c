#pragma once
// `cecollm edge`: a long-running edge that reads prompts from standard input.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_edge(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
