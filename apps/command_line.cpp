#include "apps/command_line.hpp"

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "apps/cloud_command.hpp"
#include "apps/config_command.hpp"
#include "apps/demo_command.hpp"
#include "apps/detokenize_command.hpp"
#include "apps/edge_command.hpp"
#include "apps/generate_command.hpp"
#include "apps/inspect_command.hpp"
#include "apps/keys_command.hpp"
#include "apps/load_command.hpp"
#include "apps/metrics_command.hpp"
#include "apps/record_command.hpp"
#include "apps/relay_command.hpp"
#include "apps/split_command.hpp"
#include "apps/tokenize_command.hpp"
#include "apps/version.hpp"

namespace cecollm::apps {
namespace {

void register_commands(CLI::App& app, Command& chosen) {
  register_cloud(app, chosen);
  register_edge(app, chosen);
  register_generate(app, chosen);
  register_demo(app, chosen);
  register_tokenize(app, chosen);
  register_detokenize(app, chosen);
  register_inspect(app, chosen);
  register_split(app, chosen);
  register_relay(app, chosen);
  register_record(app, chosen);
  register_load(app, chosen);
  register_config(app, chosen);
  register_metrics(app, chosen);
  register_keys(app, chosen);
}

/// The command that the user got as far as naming.
const CLI::App& named_command(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? app : named_command(*named.back());
}

/// "cecollm config check".
std::string path_of(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return (parent == nullptr ? std::string() : path_of(*parent) + " ") + app.get_name();
}

/// One sentence for a command line that does not parse.
std::string sentence_of(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App& command = named_command(app);
  std::string sentence = error.what();
  const std::vector<std::string> rest = app.remaining(true);
  if (command.get_require_subcommand_min() > 0 && !rest.empty() && !rest.front().starts_with('-')) {
    sentence = "'" + rest.front() + "' is no subcommand";
  }
  return sentence + "; see '" + path_of(command) + " --help'";
}

int report(const CommandIo& io, const Failure& failure) {
  std::string line = failure.message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  io.err << "cecollm: " << line << std::endl;
  return static_cast<int>(failure.code);
}

}  // namespace

int run_command_line(std::vector<std::string> arguments, const CommandIo& io,
                     const std::vector<RegisterCommand>& further) {
  CLI::App app("Cloud-edge collaborative inference for language models with early exits.",
               "cecollm");
  app.set_version_flag("--version", "cecollm " + std::string(version()));
  app.require_subcommand(1);
  app.footer(
      "'cecollm SUBCOMMAND --help' shows the flags and examples of one.\n"
      "Exit codes: 0 done, 1 failed at run time, 2 a file, flag or setting is to be mended.");
  Command chosen;
  register_commands(app, chosen);
  for (const auto& register_command : further) register_command(app, chosen);

  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, io.out, io.err);  // --help, --version
    return report(io, {ExitCode::misused, sentence_of(error, app)});
  }

  if (const auto done = chosen(io); !done) return report(io, done.error());
  io.out.flush();
  if (!io.out) return report(io, {ExitCode::failed, "standard output cannot be written"});
  return static_cast<int>(ExitCode::ok);
}

int run_process(int argc, char** argv, const std::vector<RegisterCommand>& further) {
  const CommandIo io{std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1,
                     process_environment()};
  return run_command_line(std::vector<std::string>(argv + 1, argv + argc), io, further);
}

}  // namespace cecollm::apps
