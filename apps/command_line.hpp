#pragma once
// The whole command line: `cecollm SUBCOMMAND …`.

#include <functional>
#include <string>
#include <vector>

#include "apps/command.hpp"

namespace cecollm::apps {

/// Adds a subcommand, as register_<name> does (apps/command.hpp).
using RegisterCommand = std::function<void(CLI::App& app, Command& chosen)>;

/// Parses `arguments` (without the program's name), runs the subcommand and returns the exit code.
/// Failures and misuse give one line "cecollm: …" on io.err. `further`: subcommands beside those of
/// apps/, from folders that apps/ does not know.
int run_command_line(std::vector<std::string> arguments, const CommandIo& io,
                     const std::vector<RegisterCommand>& further = {});

/// The same with the arguments, streams and environment of this process.
int run_process(int argc, char** argv, const std::vector<RegisterCommand>& further = {});

}  // namespace cecollm::apps
