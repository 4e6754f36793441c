#include "apps/command_line.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "apps/cloud_command.hpp"
#include "apps/config_command.hpp"
#include "apps/demo_command.hpp"
#include "apps/detokenize_command.hpp"
#include "apps/edge_command.hpp"
#include "apps/generate_command.hpp"
#include "apps/inspect_command.hpp"
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
  register_config(app, chosen);
}

/// "cecollm config check": the command that the user got as far as naming.
std::string path_of(const CLI::App& app) {
  std::string path = app.get_name();
  for (const CLI::App* command : app.get_subcommands()) path += " " + path_of(*command);
  return path;
}

int report(const CommandIo& io, const Failure& failure) {
  std::string line = failure.message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  io.err << "cecollm: " << line << std::endl;
  return static_cast<int>(failure.code);
}

}  // namespace

int run_command_line(std::vector<std::string> arguments, const CommandIo& io) {
  CLI::App app("Cloud-edge collaborative inference for language models with early exits.",
               "cecollm");
  app.set_version_flag("--version", "cecollm " + std::string(version()));
  app.require_subcommand(1);
  app.footer(
      "'cecollm SUBCOMMAND --help' shows the flags and examples of one.\n"
      "Exit codes: 0 done, 1 failed at run time, 2 a file, flag or setting is to be mended.");
  Command chosen;
  register_commands(app, chosen);

  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, io.out, io.err);  // --help, --version
    return report(
        io, {ExitCode::misused, std::string(error.what()) + "; see '" + path_of(app) + " --help'"});
  }

  if (const auto done = chosen(io); !done) return report(io, done.error());
  io.out.flush();
  if (!io.out) return report(io, {ExitCode::failed, "standard output cannot be written"});
  return static_cast<int>(ExitCode::ok);
}

}  // namespace cecollm::apps
