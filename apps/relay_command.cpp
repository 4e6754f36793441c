#include "apps/relay_command.hpp"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "apps/termination.hpp"
#include "transport/link_relay.hpp"

namespace cecollm::apps {
namespace {

struct RelayOptions {
  std::string listen;
  std::string to;
  std::string link;
  std::string trace;
};

Outcome<transport::Endpoint> endpoint_of(const std::string& flag, const std::string& text) {
  auto endpoint = transport::parse_endpoint(text);
  if (!endpoint) return misused(flag + ": " + endpoint.error().message);
  return std::move(*endpoint);
}

Outcome<void> run(const RelayOptions& options, const CommandIo& io) {
  const auto listen = endpoint_of("--listen", options.listen);
  if (!listen) return tl::unexpected(listen.error());
  const auto to = endpoint_of("--to", options.to);
  if (!to) return tl::unexpected(to.error());
  auto shape = options.trace.empty() ? transport::parse_link_spec(options.link)
                                     : transport::load_link_trace(options.trace);
  if (!shape) return misused(shape.error().message);
  Termination termination;
  auto link = std::make_shared<transport::EmulatedLink>(*std::move(shape),
                                                        std::chrono::steady_clock::now());
  const auto relay = transport::LinkRelay::start(*listen, *to, std::move(link));
  if (!relay) return tl::unexpected(to_failure(relay.error()));
  // Scripts wait for this line, and read the port from it where they asked for port 0.
  io.out << "cecollm relay is listening on "
         << transport::to_string(transport::Endpoint{listen->host, relay->port()}) << std::endl;
  while (!termination.wait_for(std::chrono::minutes(1))) {
  }
  return {};
}

}  // namespace

void register_relay(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "relay", "Forward connections over an emulated link, for tests of networks");
  const auto options = std::make_shared<RelayOptions>();
  command->add_option("--listen", options->listen, "Address to accept connections on")
      ->type_name("HOST:PORT")
      ->required();
  command->add_option("--to", options->to, "Address to forward them to")
      ->type_name("HOST:PORT")
      ->required();
  auto* how = command->add_option_group("link");
  how->add_option("--link", options->link, "As of generate: rtt=50ms,up=5mbit,loss=1%");
  how->add_option("--link-trace", options->trace, "A CSV file as in bench/traces")
      ->type_name("FILE");
  how->require_option(1);
  command->footer(
      "Example:\n"
      "  cecollm relay --listen 10.77.1.2:7070 --to 10.77.0.1:7070 --link rtt=80ms");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
