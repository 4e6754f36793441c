#pragma once
// cecollm load: many virtual edges against a real cloud.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_load(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
