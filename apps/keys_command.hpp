#pragma once
// `cecollm keys`: adds, lists and removes keys of the HTTP API in their file.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_keys(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
