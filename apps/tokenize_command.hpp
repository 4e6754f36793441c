#pragma once
// `cecollm tokenize`: text on standard input to token ids.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_tokenize(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
