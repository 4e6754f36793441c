#pragma once
// `cecollm detokenize`: token ids to text.

#include "apps/command.hpp"

namespace cecollm::apps {

void register_detokenize(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
