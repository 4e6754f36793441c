#pragma once
// What a subcommand is. Each lives in apps/<name>_command.{hpp,cpp} and exports
//
//   void register_<name>(CLI::App& app, Command& chosen);
//
// which adds its parser to `app` and, through the parser's callback, puts what is to run into
// `chosen`. Nothing runs while the command line is still being parsed.

#include <functional>
#include <istream>
#include <ostream>

#include "apps/failure.hpp"
#include "apps/setting_sources.hpp"

namespace CLI {
class App;
}

namespace cecollm::apps {

/// The process as a command sees it. Refers to its streams, which must outlive it.
struct CommandIo {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  Environment environment{};
};

/// Runs to the end; a failure is printed by the caller.
using Command = std::function<Outcome<void>(const CommandIo&)>;

}  // namespace cecollm::apps
