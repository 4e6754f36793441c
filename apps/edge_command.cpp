#include "apps/edge_command.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/admin_server.hpp"
#include "apps/credential_renewal.hpp"
#include "apps/edge_api.hpp"
#include "apps/edge_node.hpp"
#include "apps/edge_status.hpp"
#include "apps/generation_report.hpp"
#include "apps/node_logger.hpp"
#include "apps/setting_flags.hpp"
#include "apps/settings.hpp"
#include "apps/settings_watch.hpp"
#include "apps/termination.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

/// How soon a dead actor ends the process.
constexpr std::chrono::seconds watch_interval{1};

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

/// Nothing where no address is set.
Outcome<std::optional<http::Server>> start_admin(EdgeNode& node, const EdgeSettings& settings,
                                                 SettingsWatch& watch) {
  if (!settings.admin_listen) return std::nullopt;
  AdminActions actions;
  actions.status = [&node, &watch] {
    return edge_status(node, watch.current());
  };
  actions.reload = [&watch] {
    return watch.reload_all("POST /reload");
  };
  // Prompts from standard input end with it.
  if (settings.api.listen) actions.drain = terminate_this_process;
  actions.set_mode = [&node, &watch](std::optional<policy::Mode> mode) {
    return node.hold_mode(mode, watch.current());
  };
  auto started = start_admin_server(*settings.admin_listen, std::move(actions));
  if (!started) return tl::unexpected(started.error());
  return std::optional(std::move(*started));
}

/// Serves until SIGINT or SIGTERM, then lets what runs end.
Outcome<void> serve_api(EdgeNode& node, const EdgeSettings& settings, const SettingsWatch& watch,
                        std::shared_ptr<const KeyGuard> guard, const monitoring::Logger& logger,
                        Termination& termination, const CommandIo& io) {
  const auto api = EdgeApi::start(
      node, settings, [&watch] { return watch.current(); }, std::move(guard), logger);
  if (!api) return tl::unexpected(api.error());
  // Scripts wait for this line, and read the port from it where they asked for port 0.
  io.out << "cecollm edge is listening on " << transport::to_string((*api)->bound()) << std::endl;
  while (!termination.wait_for(watch_interval)) {
    if (!node.alive()) return failed("an actor of the edge died; the log above says why");
  }
  logger.info("shutting down");
  if (!(*api)->drain(settings.api.drain_timeout)) {
    logger.warning("generations that did not end in time are cancelled");
  }
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
  // Prompts from standard input end with it; only a server has to be told.
  std::optional<Termination> termination;
  if (settings->api.listen) termination.emplace();
  SettingsWatch watch(sources, *settings, logger);
  const auto guard = guard_of(settings->api);
  if (!guard) return tl::unexpected(guard.error());
  auto node = EdgeNode::start(*settings, logger);
  if (!node) return tl::unexpected(node.error());
  // Thresholds that do not fit the model are to be known before the first prompt.
  if (const auto request = request_from(*settings, (*node)->config()); !request) {
    return tl::unexpected(request.error());
  }
  const WatchScope watching(watch);
  if (const auto& tls = (*node)->tls()) {
    watch.also("certificates", files_of(*tls), renewal_of(tls, logger));
  }
  if (*guard) watch.also("API keys", {(*guard)->file()}, renewal_of(*guard, logger));
  watch.start([&](const EdgeSettings& fresh) -> Outcome<void> {
    if (!policy_mode(fresh.generation.mode)) return misused("mode full needs a restart");
    return (*node)->reconfigure(fresh);
  });
  const auto admin = start_admin(**node, *settings, watch);
  if (!admin) return tl::unexpected(admin.error());
  if (settings->api.listen) {
    return serve_api(**node, *settings, watch, *guard, logger, *termination, io);
  }
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
      app.add_subcommand("edge", "Continue prompts: one a line from standard input, or by HTTP");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print one object a prompt, as generate does");
  add_setting_flags(*command, Node::edge);
  command->footer(
      "Examples:\n"
      "  cecollm edge --config /etc/cecollm/edge.toml < prompts.txt\n"
      "  cecollm edge --model models/default --mode standalone --json < prompts.txt\n"
      "  cecollm edge --model models/default --mode standalone --http 127.0.0.1:8080\n"
      "  cecollm keys add api-keys alice && \\\n"
      "      cecollm edge --config edge.toml --http 0.0.0.0:8080 --api-keys api-keys");
  command->callback([&chosen, command, json] {
    chosen = [command, json](const CommandIo& io) {
      return run(*json, given_settings(*command, Node::edge, io), io);
    };
  });
}

}  // namespace cecollm::apps
