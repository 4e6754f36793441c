#pragma once

#include "apps/command.hpp"

namespace cecollm::apps {

void register_metrics(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
