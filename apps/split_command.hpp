#pragma once
// `cecollm split`: one checkpoint into the edge's and the cloud's share.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_split(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
