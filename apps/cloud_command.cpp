#include "apps/cloud_command.hpp"

#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/admin_server.hpp"
#include "apps/cloud_api.hpp"
#include "apps/cloud_node.hpp"
#include "apps/cloud_status.hpp"
#include "apps/credential_renewal.hpp"
#include "apps/node_logger.hpp"
#include "apps/reload_watch.hpp"
#include "apps/setting_flags.hpp"
#include "apps/settings.hpp"
#include "apps/termination.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

/// How soon a dead actor ends the process.
constexpr std::chrono::seconds watch_interval{1};

/// What of the settings takes effect without a restart.
ReloadWatch::Reload reload_of(const SettingSources& sources, CloudNode& node,
                              const monitoring::Logger& logger) {
  return [&](std::string_view cause) -> Outcome<void> {
    const auto fresh = load_cloud_settings(sources);
    if (!fresh) {
      logger.warning("settings refused, the old ones stay",
                     {{"cause", cause}, {"problem", fresh.error().message}});
      return tl::unexpected(fresh.error());
    }
    node.reconfigure(*fresh);
    logger.info("settings reloaded", {{"cause", cause}});
    return {};
  };
}

/// Nothing where no address is set.
Outcome<std::optional<http::Server>> start_admin(CloudNode& node, const CloudSettings& settings,
                                                 ReloadWatch& watch) {
  if (!settings.admin_listen) return std::nullopt;
  AdminActions actions;
  actions.status = [&node, &settings] {
    return cloud_status(node, settings);
  };
  actions.reload = [&watch] {
    return watch.reload_all("POST /reload");
  };
  actions.drain = terminate_this_process;
  auto started = start_admin_server(*settings.admin_listen, std::move(actions));
  if (!started) return tl::unexpected(started.error());
  return std::optional(std::move(*started));
}

}  // namespace

Outcome<void> serve_cloud(const SettingSources& sources, const CommandIo& io,
                          const EngineWrap& wrap) {
  const auto settings = load_cloud_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  Termination termination;
  const auto logger = node_logger("cloud", settings->monitoring);
  if (const auto warning = model::blas_warning(); !warning.empty()) logger.warning(warning);
  ReloadWatch watch;
  const auto node = CloudNode::start(*settings, logger, wrap);
  if (!node) return tl::unexpected(node.error());
  const WatchScope watching(watch);
  std::vector<std::filesystem::path> files;
  if (sources.file) files.push_back(*sources.file);
  watch.add("settings", std::move(files), reload_of(sources, **node, logger));
  if (const auto& tls = (*node)->tls()) {
    watch.add("certificates", files_of(*tls), renewal_of(tls, logger));
  }
  const auto guard = guard_of(settings->api);
  if (!guard) return tl::unexpected(guard.error());
  if (*guard) watch.add("API keys", {(*guard)->file()}, renewal_of(*guard, logger));
  std::unique_ptr<CloudApi> api;
  if (settings->api.listen) {
    auto started = CloudApi::start(**node, *settings, *guard, logger);
    if (!started) return tl::unexpected(started.error());
    api = std::move(*started);
  }
  watch.start();
  const auto admin = start_admin(**node, *settings, watch);
  if (!admin) return tl::unexpected(admin.error());
  // Scripts wait for this line, and read the port from it where they asked for port 0.
  io.out << "cecollm cloud is listening on " << transport::to_string((*node)->bound()) << std::endl;
  if (api) {
    io.out << "cecollm cloud serves its API on " << transport::to_string(api->bound()) << std::endl;
  }
  while (!termination.wait_for(watch_interval)) {
    if (!(*node)->alive() || (api && !api->alive()))
      return failed("an actor of the cloud died; the log above says why");
  }
  logger.info("shutting down");
  if (api && !api->drain(settings->api.drain_timeout)) {
    logger.warning("generations that did not end in time are cancelled");
  }
  return {};
}

void register_cloud(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("cloud", "Serve the deep layers to edges");
  add_setting_flags(*command, Node::cloud);
  command->footer(
      "Examples:\n"
      "  cecollm cloud --model models/default --listen 127.0.0.1:7070 --insecure\n"
      "  cecollm cloud --model models/default --listen 0.0.0.0:7070 \\\n"
      "      --cert cloud.pem --key cloud.key --ca ca.pem\n"
      "  cecollm cloud --model models/default --listen 127.0.0.1:7070 --insecure \\\n"
      "      --http 127.0.0.1:8081\n"
      "  cecollm cloud --config /etc/cecollm/cloud.toml");
  command->callback([&chosen, command] {
    chosen = [command](const CommandIo& io) {
      return serve_cloud(given_settings(*command, Node::cloud, io), io);
    };
  });
}

}  // namespace cecollm::apps
