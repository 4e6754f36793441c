#include "apps/split_command.hpp"

#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "apps/exit_layers_flag.hpp"
#include "model/checkpoint.hpp"

namespace cecollm::apps {
namespace {

struct SplitOptions {
  std::string directory;
  std::string exit_layers;
  std::string edge;
  std::string cloud;
};

Outcome<void> run(const SplitOptions& options, const CommandIo& io) {
  const auto exit_layers = parse_exit_layers(options.exit_layers);
  if (!exit_layers) return tl::unexpected(exit_layers.error());
  const auto whole = model::Checkpoint::open(options.directory, *exit_layers);
  if (!whole) return tl::unexpected(to_failure(whole.error()));
  if (const auto done = model::split(*whole, options.edge, options.cloud); !done) {
    return tl::unexpected(to_failure(done.error()));
  }
  io.out << "edge   " << options.edge << "\ncloud  " << options.cloud << '\n';
  return {};
}

}  // namespace

void register_split(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "split",
      "Write the edge's and the cloud's share of a checkpoint as directories of their own");
  const auto options = std::make_shared<SplitOptions>();
  command->add_option("directory", options->directory, "The whole checkpoint")
      ->required()
      ->type_name("DIR");
  command->add_option("--edge", options->edge, "New directory for the edge")
      ->required()
      ->type_name("OUT");
  command->add_option("--cloud", options->cloud, "New directory for the cloud")
      ->required()
      ->type_name("OUT");
  add_exit_layers_flag(*command, options->exit_layers);
  command->footer(
      "Examples:\n"
      "  cecollm split models/default --edge build/edge-model --cloud build/cloud-model\n"
      "  cecollm split llama-3.2-1b --exit-layers 5,8 --edge edge-model --cloud cloud-model");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
