#include "apps/generate_command.hpp"

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/edge_node.hpp"
#include "apps/full_generation.hpp"
#include "apps/generation_report.hpp"
#include "apps/node_logger.hpp"
#include "apps/prompt_flags.hpp"
#include "apps/setting_flags.hpp"
#include "apps/settings.hpp"

namespace cecollm::apps {
namespace {

struct GenerateOptions {
  PromptFlags prompt;
  bool json = false;
};

/// Runs through the edge's actors, with or without a cloud.
Outcome<GenerationReport> generate_with_edge(const EdgeSettings& settings, const Prompt& prompt,
                                             const TextSink& on_token, const CommandIo& io) {
  auto node = EdgeNode::start(settings, node_logger("generate", settings.monitoring));
  if (!node) return tl::unexpected(node.error());
  // Thresholds that do not fit the model are to be known before anything is waited for.
  if (const auto request = request_from(settings, (*node)->config()); !request) {
    return tl::unexpected(request.error());
  }
  if (!settings.clouds.empty()) {
    // A mismatch is to be known before the first token, and a cloud that is not there costs no
    // token's deadline.
    const auto link = (*node)->await_link(settings.link.connect_timeout);
    if (link.mismatch) return misused(link.problem);
    if (!link.connected) io.err << "cecollm: warning: " << link.problem << std::endl;
  }
  return generate_on_edge(**node, settings, prompt, [&](const ReportedToken& token) {
    on_token(token);
    return true;
  });
}

Outcome<void> run(const GenerateOptions& options, const SettingSources& sources,
                  const CommandIo& io) {
  auto settings = load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  const auto prompt = prompt_of(options.prompt);
  if (!prompt) return tl::unexpected(prompt.error());
  const TextSink on_token = [&](const ReportedToken& token) {
    if (!options.json) io.out << token.text << std::flush;
  };
  const auto report = settings->generation.mode == GenerationMode::full
                          ? generate_full(*settings, *prompt, on_token)
                          : generate_with_edge(*settings, *prompt, on_token, io);
  if (!report) return tl::unexpected(report.error());
  if (options.json) {
    io.out << to_json(*report) << '\n';
    return {};
  }
  io.out << report->tail() << '\n';
  if (!report->warning.empty()) io.err << "cecollm: warning: " << report->warning << std::endl;
  return {};
}

}  // namespace

void register_generate(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("generate", "Continue one prompt");
  const auto options = std::make_shared<GenerateOptions>();
  add_prompt_flags(*command, options->prompt);
  command->add_flag("--json", options->json, "Print one object: text, tokens, usage, counts, …");
  add_setting_flags(*command, Node::edge);
  command->footer(
      "Examples:\n"
      "  cecollm generate --model models/default --mode full --prompt 'Once upon a time'\n"
      "  cecollm generate --model models/default --mode standalone --prompt 'Once upon a time'\n"
      "  cecollm generate --model models/default --cloud cloud.example:7070 \\\n"
      "      --cert edge.pem --key edge.key --ca ca.pem --threshold 0.8 --prompt-file story.txt");
  command->callback([&chosen, options, command] {
    chosen = [options, command](const CommandIo& io) {
      return run(*options, given_settings(*command, Node::edge, io), io);
    };
  });
}

}  // namespace cecollm::apps
