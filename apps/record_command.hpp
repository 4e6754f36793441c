#pragma once
// cecollm record: what a single process does with prompts, for `cecollm load` to replay.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_record(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
