#include "apps/config_command.hpp"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/key_guard.hpp"
#include "apps/node_setup.hpp"
#include "apps/settings.hpp"
#include "apps/tokenizer_source.hpp"
#include "model/checkpoint.hpp"

namespace cecollm::apps {
namespace {

struct CheckOptions {
  std::string file;
  std::string node;
  bool files = false;
};

/// The node that `file` is written for; a file that says neither serves both and is checked as an
/// edge's.
Outcome<Node> node_of(const CheckOptions& options) {
  if (!options.node.empty()) return options.node == "cloud" ? Node::cloud : Node::edge;
  const std::vector<Node> nodes = nodes_of_file(options.file);
  if (nodes.size() > 1) {
    return misused(options.file +
                   ": has settings of the edge and of the cloud; use one file a node (--node says "
                   "for which to check it)");
  }
  return nodes.empty() ? Node::edge : nodes.front();
}

template <class T>
void note(const Outcome<T>& outcome, std::vector<std::string>& problems) {
  if (!outcome) problems.push_back(outcome.error().message);
}

/// What both nodes read before they serve.
void open_files(const ModelSettings& model, const LinkSettings& link, transport::TlsRole role,
                const ApiSettings& api, std::vector<std::string>& problems) {
  const auto checkpoint = model::Checkpoint::open(model.directory, model.exit_layers);
  if (!checkpoint) problems.push_back(checkpoint.error().message);
  note(load_optional_tokenizer(model.directory), problems);
  note(load_tls(role, link), problems);
  note(guard_of(api), problems);
}

/// What cannot be used of the files that good settings name.
std::vector<std::string> find_file_problems(Node node, const SettingSources& sources) {
  std::vector<std::string> problems;
  if (node == Node::edge) {
    if (const auto settings = load_edge_settings(sources)) {
      open_files(settings->model, settings->link, transport::TlsRole::client, settings->api,
                 problems);
    }
  } else if (const auto settings = load_cloud_settings(sources)) {
    open_files(settings->model, settings->link, transport::TlsRole::server, settings->api,
               problems);
  }
  return problems;
}

Outcome<void> check(const CheckOptions& options, const CommandIo& io) {
  const auto node = node_of(options);
  if (!node) return tl::unexpected(node.error());
  SettingSources sources;
  sources.environment = io.environment;
  sources.file = options.file;
  std::vector<std::string> problems = find_setting_problems(*node, sources);
  if (problems.empty() && options.files) problems = find_file_problems(*node, sources);
  if (problems.empty()) {
    io.out << options.file << ": good for the " << name_of(*node) << '\n';
    return {};
  }
  for (std::size_t i = 0; i + 1 < problems.size(); ++i) {
    io.err << "cecollm: " << problems[i] << '\n';
  }
  return misused(problems.back());
}

}  // namespace

void register_config(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("config", "Check a configuration file, list all settings");
  command->require_subcommand(1);

  CLI::App* check_command =
      command->add_subcommand("check", "Say what a node would refuse in a file of settings");
  const auto options = std::make_shared<CheckOptions>();
  check_command->add_option("file", options->file, "A node's TOML file")
      ->required()
      ->type_name("FILE");
  check_command
      ->add_option("--node", options->node,
                   "The node that is to read it; not given: the one whose settings it has")
      ->check(CLI::IsMember({"edge", "cloud"}))
      ->type_name("edge|cloud");
  check_command->add_flag("--files", options->files,
                          "Also open the model, certificates and keys that it names, as this user");
  check_command->footer(
      "Every problem is a line with FILE:LINE on standard error, and the exit code is 2 then. The\n"
      "environment variables CECOLLM_* count as they would at a start.\n"
      "Examples:\n"
      "  cecollm config check deploy/examples/edge.toml\n"
      "  cecollm config check node.toml --node cloud --files");
  check_command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return check(*options, io);
    };
  });

  CLI::App* keys_command =
      command->add_subcommand("keys", "Print every setting with its flag, variable and default");
  keys_command->footer(
      "The table of docs/configuration.md, in Markdown.\n"
      "Examples:\n"
      "  cecollm config keys | grep link");
  keys_command->callback([&chosen] {
    chosen = [](const CommandIo& io) -> Outcome<void> {
      io.out << render_setting_table();
      return {};
    };
  });
}

}  // namespace cecollm::apps
