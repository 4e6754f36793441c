#pragma once
// The whole command line: `cecollm SUBCOMMAND …`.

#include <string>
#include <vector>

#include "apps/command.hpp"

namespace cecollm::apps {

/// Parses `arguments` (without the program's name), runs the subcommand and returns the exit code.
/// Failures and misuse give one line "cecollm: …" on io.err.
int run_command_line(std::vector<std::string> arguments, const CommandIo& io);

}  // namespace cecollm::apps
