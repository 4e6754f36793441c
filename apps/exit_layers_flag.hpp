#pragma once
// --exit-layers for the commands that read a checkpoint but no node's settings.

#include <string>
#include <string_view>
#include <vector>

#include "apps/failure.hpp"

namespace CLI {
class App;
}

namespace cecollm::apps {

/// `text` must live until the command line is parsed.
void add_exit_layers_flag(CLI::App& command, std::string& text);

/// "3,6" by the rules of the setting model.exit_layers; empty text is an empty list.
Outcome<std::vector<int>> parse_exit_layers(std::string_view text);

}  // namespace cecollm::apps
