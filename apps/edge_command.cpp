#include "apps/edge_command.hpp"

#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/edge_node.hpp"
#include "apps/generation_report.hpp"
#include "apps/node_logger.hpp"
#include "apps/setting_flags.hpp"
#include "apps/settings.hpp"
#include "apps/settings_watch.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

Outcome<void> answer(EdgeNode& node, const EdgeSettings& settings, std::string prompt, bool json,
                     const CommandIo& io) {
  const auto report =
      generate_on_edge(node, settings, Prompt{std::move(prompt)}, [&](const ReportedToken& token) {
        if (!json) io.out << token.text << std::flush;
        return true;
      });
  if (!report) return tl::unexpected(report.error());
  io.out << (json ? to_json(*report) : report->tail()) << std::endl;
  return {};
}

Outcome<void> run(bool json, const SettingSources& sources, const CommandIo& io) {
  const auto settings = load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  if (!policy_mode(settings->generation.mode)) {
    return misused("--mode full is one process with all layers: use it with cecollm generate");
  }
  const auto logger = node_logger("edge", settings->monitoring);
  if (const auto warning = model::blas_warning(); !warning.empty()) logger.warning(warning);
  SettingsWatch watch(sources, *settings, logger);
  auto node = EdgeNode::start(*settings, logger);
  if (!node) return tl::unexpected(node.error());
  // Thresholds that do not fit the model are to be known before the first prompt.
  if (const auto request = request_from(*settings, (*node)->config()); !request) {
    return tl::unexpected(request.error());
  }
  watch.start([&](const EdgeSettings& fresh) -> Outcome<void> {
    if (!policy_mode(fresh.generation.mode)) return misused("mode full needs a restart");
    return (*node)->reconfigure(fresh);
  });
  std::string line;
  while (std::getline(io.in, line)) {
    if (line.empty()) continue;
    if (const auto done = answer(**node, watch.current(), line, json, io); !done) {
      // One bad prompt is not the end of an edge.
      io.err << "cecollm: " << done.error().message << std::endl;
    }
  }
  return {};
}

}  // namespace

void register_edge(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("edge", "Continue prompts, one a line, from standard input until its end");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one object a prompt, as generate does");
  add_setting_flags(*command, Node::edge);
  command->footer(
      "Examples:\n"
      "  cecollm edge --config /etc/cecollm/edge.toml < prompts.txt\n"
      "  cecollm edge --model models/default --mode standalone --json < prompts.txt");
  command->callback([&chosen, command, json] {
    chosen = [command, json](const CommandIo& io) {
      return run(*json, given_settings(*command, Node::edge, io), io);
    };
  });
}

}  // namespace cecollm::apps
