#include "bench/bench_command.hpp"

#include <CLI/CLI.hpp>

#include "bench/paper/paper_cloud_command.hpp"
#include "bench/paper/paper_command.hpp"

namespace cecollm::bench {

void register_bench(CLI::App& app, apps::Command& chosen) {
  CLI::App* bench = app.add_subcommand("bench", "Measure edge and cloud together");
  bench->require_subcommand(1);
  bench->footer(
      "Examples:\n"
      "  cecollm bench paper\n"
      "  cecollm bench paper --step-ms 37 --link rtt=2.85ms --out results");
  register_paper(*bench, chosen);
  register_paper_cloud(*bench, chosen);
}

}  // namespace cecollm::bench
