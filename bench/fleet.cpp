// What one cloud does for many edges: its throughput against a bare loop over the same rows, its
// throughput and waits over the number of clients, and minutes with a thousand connected edges.
// Cloud, load generator and bare loop are processes of their own on this machine.

#include <algorithm>
#include <iostream>
#include <set>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/fleet_nodes.hpp"
#include "bench/fleet_report.hpp"
#include "bench/machine.hpp"

namespace cecollm::bench {
namespace {

struct Options {
  std::set<std::string> parts{"ratios", "clients", "steady"};
  std::string model = CECOLLM_DEFAULT_MODEL;
  std::string exit_layers;
  std::string prompts;
  std::string out = "bench/results/fleet";
  std::string conditions;
  int tokens = 64;
  int repetitions = 5;
  double seconds = 5;
  int most_clients = 512;
  int edges = 1000;
  int generating = 100;
  int steady_seconds = 600;
};

FleetMaterial material_of(const Options& options, const std::string& threshold) {
  return FleetMaterial(
      {options.model, options.exit_layers, options.prompts, threshold, options.tokens});
}

std::string whole_seconds(double seconds) {
  return std::to_string(static_cast<int>(seconds)) + "s";
}

/// A run that was no good gives no figures.
void check(const nlohmann::json& report) {
  if (report.at("good") != true || !report.at("errors").empty()) {
    give_up("the run had errors: " + report.at("verdict").dump() + " " +
            report.at("errors").dump());
  }
}

/// Clients that ask for every token as fast as they can.
nlohmann::json press_hard(FleetCloud& cloud, int clients, int generations, double seconds) {
  auto report =
      cloud.press({"--edges", std::to_string(clients), "--concurrency", std::to_string(generations),
                   "--duration", whole_seconds(seconds), "--token-time", "0s"});
  check(report);
  return report;
}

/// Mean of what the cloud's histogram of asks a pass gives. Its buckets are whole numbers at their
/// lower end, where most passes are; a wide bucket counts with its middle.
double mean_batch(const nlohmann::json& buckets) {
  double passes = 0;
  double asks = 0;
  double below = 0;
  for (const auto& bucket : buckets) {
    const auto count = bucket.at("passes").get<double>();
    const double up_to = bucket.at("up_to").is_null() ? below : bucket.at("up_to").get<double>();
    passes += count;
    asks += count * (below + 1 + up_to) / 2;
    below = up_to;
  }
  return passes > 0 ? asks / passes : 0;
}

/// One client with one generation is a chain, a step and a crossing after the other: what it costs
/// to be elsewhere. With two the cloud has an ask waiting while another one's answer is on its way:
/// what the cloud adds to its steps, which still take one ask each.
std::vector<RatioFigures> measure_ratios(const Options& options, const FleetMaterial& material) {
  std::vector<RatioFigures> all(3);
  all[0].batch = all[0].clients = all[0].generations = 1;
  all[1].batch = all[1].clients = 1;
  all[1].generations = 2;
  all[2].batch = all[2].clients = all[2].generations = 32;
  FleetCloud cloud(material);
  for (int i = 0; i < options.repetitions; ++i) {
    for (auto& ratio : all) {
      const auto bare = run_bare_loop(material, ratio.batch, options.seconds);
      const auto report = press_hard(cloud, ratio.clients, ratio.generations, options.seconds);
      ratio.bare.push_back(bare.at("tokens_per_s"));
      ratio.cloud.push_back(report.at("throughput").at("output_tokens_per_s"));
      ratio.asks_per_pass.push_back(mean_batch(report.at("batch_sizes")));
      std::cerr << ratio.clients << " clients, " << ratio.generations
                << " generations: " << ratio.cloud.back() << " tokens/s, bare " << ratio.bare.back()
                << '\n';
    }
  }
  return all;
}

std::vector<ClientsFigures> measure_clients(const Options& options, const FleetMaterial& material) {
  std::vector<ClientsFigures> rows;
  FleetCloud cloud(material);
  for (int clients = 1; clients <= options.most_clients; clients *= 2) {
    const auto report = press_hard(cloud, clients, clients, options.seconds);
    const auto& wait = report.at("latency").at("cloud_wait");
    rows.push_back({clients, report.at("throughput").at("output_tokens_per_s"), wait.at("p50_ms"),
                    wait.at("p99_ms"), mean_batch(report.at("batch_sizes"))});
    std::cerr << clients << " clients: " << rows.back().tokens_per_s << " tokens/s\n";
  }
  return rows;
}

std::int64_t errors_in(const nlohmann::json& report) {
  std::int64_t count = 0;
  for (const auto& [kind, error] : report.at("errors").items()) {
    count += error.at("count").get<std::int64_t>();
  }
  return count;
}

SteadyFigures measure_steady(const Options& options, const FleetMaterial& material) {
  FleetCloud cloud(material);
  SteadyFigures figures;
  press_hard(cloud, 1, 1, 1);
  const auto before = cloud.figures();
  figures.threads_alone = before.threads;
  figures.edges = options.edges;
  figures.generating = options.generating;

  const auto warm_up = std::chrono::seconds(std::max(10, options.steady_seconds / 10));
  const auto begin = std::chrono::steady_clock::now();
  ProcessFigures last;
  const auto report = cloud.press(
      {"--edges", std::to_string(options.edges), "--concurrency",
       std::to_string(options.generating), "--duration",
       std::to_string(options.steady_seconds) + "s", "--ramp-up", "5s"},
      [&](const ProcessFigures& now, const ProcessFigures& load) {
        figures.threads = std::max(figures.threads, now.threads);
        if (std::chrono::steady_clock::now() - begin < warm_up) {
          figures.cloud_bytes_warm = std::max(figures.cloud_bytes_warm, now.resident_bytes);
          figures.load_bytes_warm = std::max(figures.load_bytes_warm, load.resident_bytes);
        }
        figures.cloud_bytes_end = now.resident_bytes;
        figures.load_bytes_end = load.resident_bytes;
        last = now;
      });
  check(report);
  const auto& wait = report.at("latency").at("cloud_wait");
  figures.seconds = report.at("duration_s");
  figures.requests = report.at("requests").at("completed");
  figures.errors = errors_in(report);
  figures.tokens = report.at("tokens").at("output");
  figures.asks = report.at("asks").at("sent");
  figures.wait_p50_ms = wait.at("p50_ms");
  figures.wait_p99_ms = wait.at("p99_ms");
  for (const auto& [name, seconds] : last.cpu) {
    const auto earlier = before.cpu.find(name);
    const double spent = seconds - (earlier == before.cpu.end() ? 0 : earlier->second);
    if (spent > 0) {
      figures.cloud_cpu_us[name] = spent * 1e6 / static_cast<double>(figures.tokens);
    }
  }
  return figures;
}

int measure_and_write(const Options& options) {
  FleetFigures figures;
  figures.conditions = describe_machine() + ", " + describe_commit() +
                       (options.conditions.empty() ? "." : ". " + options.conditions);
  if (options.parts.contains("ratios") || options.parts.contains("clients")) {
    const auto material = material_of(options, "2");
    if (options.parts.contains("ratios")) figures.ratios = measure_ratios(options, material);
    if (options.parts.contains("clients")) figures.clients = measure_clients(options, material);
  }
  if (options.parts.contains("steady")) {
    figures.steady.push_back(measure_steady(options, material_of(options, "0.8")));
  }
  if (write_fleet(options.out, figures)) return 0;
  std::cerr << "fleet: cannot write to " << options.out << '\n';
  return 1;
}

}  // namespace
}  // namespace cecollm::bench

int main(int argc, char** argv) {
  cecollm::bench::Options options;
  CLI::App app{"Measures one cloud under many replayed edges"};
  app.add_option("--part", options.parts, "ratios, clients or steady [all]")
      ->check(CLI::IsMember({"ratios", "clients", "steady"}));
  app.add_option("--model", options.model, "Checkpoint [models/default]");
  app.add_option("--exit-layers", options.exit_layers, "Where the checkpoint names none");
  app.add_option("--prompts", options.prompts, "As cecollm record's [held-out beginnings]");
  app.add_option("--tokens", options.tokens, "Tokens of a generation [64]");
  app.add_option("--repetitions", options.repetitions, "Of each ratio [5]");
  app.add_option("--seconds", options.seconds, "A measurement of ratios and clients [5]");
  app.add_option("--clients", options.most_clients, "At most so many clients [512]");
  app.add_option("--edges", options.edges, "Connected edges of steady [1000]");
  app.add_option("--generating", options.generating, "Of them generating [100]");
  app.add_option("--steady-seconds", options.steady_seconds, "How long steady takes [600]");
  app.add_option("--out", options.out, "Directory of the results [bench/results/fleet]");
  app.add_option("--conditions", options.conditions, "A sentence more on the conditions");
  CLI11_PARSE(app, argc, argv);
  return cecollm::bench::measure_and_write(options);
}
