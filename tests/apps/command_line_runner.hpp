#pragma once
// Runs a command line in this process, with texts in place of its streams.

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "apps/command_line.hpp"

namespace cecollm::tests {

struct CommandResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

inline CommandResult run_command(std::vector<std::string> arguments, const std::string& input = {},
                                 apps::Environment environment = {}) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  const apps::CommandIo io{in, out, err, false, std::move(environment)};
  const int exit_code = apps::run_command_line(std::move(arguments), io);
  return {exit_code, out.str(), err.str()};
}

}  // namespace cecollm::tests
