#include "bench/paper/paper_cloud_command.hpp"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "apps/cloud_command.hpp"
#include "apps/setting_flags.hpp"
#include "bench/paper/compute_meter.hpp"
#include "bench/paper/metered_engine.hpp"

namespace cecollm::bench {
namespace {

struct Flags {
  std::string meter;
  double step_ms = 0;
};

}  // namespace

void register_paper_cloud(CLI::App& bench, apps::Command& chosen) {
  CLI::App* command =
      bench.add_subcommand("paper-cloud", "The cloud that 'cecollm bench paper' starts");
  const auto flags = std::make_shared<Flags>();
  command->add_option("--meter", flags->meter, "Where to count what is computed")
      ->type_name("FILE")
      ->required();
  command->add_option("--step-ms", flags->step_ms, "As of 'cecollm bench paper' [0]")
      ->type_name("X")
      ->check(CLI::Range(0.0, 60'000.0));
  apps::add_setting_flags(*command, apps::Node::cloud);
  command->footer(
      "Examples:\n"
      "  cecollm bench paper-cloud --meter meter --model models/default --listen 127.0.0.1:7070 "
      "--insecure");
  command->callback([&chosen, flags, command] {
    chosen = [flags, command](const apps::CommandIo& io) -> apps::Outcome<void> {
      const auto meter = ComputeMeter::in_file(flags->meter);
      if (!meter) return tl::unexpected(meter.error());
      return apps::serve_cloud(apps::given_settings(*command, apps::Node::cloud, io), io,
                               [&](std::shared_ptr<model::Engine> engine) {
                                 const auto pace = pace_of(flags->step_ms, engine->config());
                                 return metered(std::move(engine), *meter, pace);
                               });
    };
  });
}

}  // namespace cecollm::bench
