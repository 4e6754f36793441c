// The paper's comparison at the scale of its model: cloud-only against collaborative, with edge and
// cloud as two processes on one device or two, over emulated links. The weights are random
// (make_checkpoint), so only times mean anything: which head gives a token is replayed from a
// stated distribution, while everything that such a token costs is computed, sent and waited for.
//   gpu_collaboration --model DIR --device cuda --markdown FILE --json FILE
//   gpu_collaboration … --full-depth-ms 37      layers slowed to this time for all of them

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/child_process.hpp"
#include "apps/development_pki.hpp"
#include "apps/edge_node.hpp"
#include "apps/scratch_directory.hpp"
#include "apps/termination.hpp"
#include "bench/decorated_engine.hpp"
#include "bench/loopback_cloud.hpp"

namespace {

using namespace cecollm;
using bench::need;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  std::string model;
  std::string device = "cuda";
  std::string cloud_device;  // empty: the same
  std::string row_dtype = "bf16";
  double full_depth_ms = 0.0;  // 0: as fast as it goes
  std::vector<double> link_ms{0, 1, 2.85, 5, 13, 50};
  std::size_t responses = 6;  // of each kind over each link
  std::size_t tokens = 100;
  std::size_t prompt = 21;
  double cloud_share = 0.4958;
  double first_exit_share = 0.2521;
  bool run_ahead = false;
  std::string markdown;
  std::string json;
  std::string serve;  // directory of certificates; makes this process the cloud
};

apps::SettingSources sources_of(const Options& options, const std::string& role,
                                const std::string& certificates) {
  apps::SettingSources sources;
  auto& flags = sources.flags;
  flags["model.directory"] = {options.model};
  flags["model.device"] = {options.device};
  flags["model.dtype"] = {"bf16"};
  flags["link.row_dtype"] = {options.row_dtype};
  flags["link.certificate"] = {certificates + "/" + role + ".pem"};
  flags["link.key"] = {certificates + "/" + role + ".key"};
  flags["link.authority"] = {certificates + "/ca.pem"};
  flags["log.level"] = {"warning"};
  return sources;
}

/// The time that each layer takes at least, where layers are slowed.
std::optional<std::chrono::nanoseconds> layer_time(const Options& options,
                                                   const model::ModelConfig& config) {
  if (options.full_depth_ms <= 0) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      Milliseconds(options.full_depth_ms / config.num_layers));
}

std::shared_ptr<model::Engine> slowed(const Options& options,
                                      std::shared_ptr<model::Engine> engine) {
  const auto time = layer_time(options, engine->config());
  if (!time) return engine;
  return std::make_shared<bench::SlowedEngine>(std::move(engine), *time);
}

int serve(const Options& options) {
  auto sources = sources_of(options, "cloud", options.serve);
  sources.flags["link.listen"] = {"127.0.0.1:0"};
  sources.flags["contexts.kv_memory"] = {"32GiB"};
  sources.flags["batch.run_ahead"] = {options.run_ahead ? "true" : "false"};
  const auto settings = need(apps::load_cloud_settings(sources));
  apps::Termination termination;
  const auto node =
      need(apps::CloudNode::start(settings, {}, [&](std::shared_ptr<model::Engine> engine) {
        return slowed(options, std::move(engine));
      }));
  std::cout << transport::to_string(node->bound()) << std::endl;
  while (!termination.wait_for(std::chrono::seconds(1))) {
  }
  return 0;
}

struct Compared {
  const char* name;
  policy::Mode mode;
  bool ask_ahead;
};
constexpr std::array modes{Compared{"cloud-only", policy::Mode::cloud_only, false},
                           Compared{"collaborative", policy::Mode::collaborative, false},
                           Compared{"asking ahead", policy::Mode::collaborative, true}};

/// Means over responses.
struct Cell {
  std::string mode;
  double link_ms = 0.0;
  std::size_t responses = 0;
  std::vector<double> totals_ms = {};
  double total_ms = 0.0;
  double first_token_ms = 0.0;
  double waited_ms = 0.0;         // by tokens for the cloud
  double cloud_ms = 0.0;          // that the cloud computed for asks
  double queue_ms = 0.0;          // that asks waited for its turn
  double communication_ms = 0.0;  // what else they were under way
  double asks = 0.0;
  double asks_in_vain = 0.0;
  double kib_up = 0.0;
  double edge_ms() const { return total_ms - waited_ms; }
  double median_ms() const {
    auto sorted = totals_ms;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
};

class Comparison {
 public:
  explicit Comparison(const Options& options) : options_(options) {
    need(apps::make_development_pki(certificates_.path()));
  }

  void run() {
    start_cloud();
    for (const double link : options_.link_ms) compare_over(link);
  }

  std::string markdown() const;
  nlohmann::json json() const;

 private:
  const std::string& cloud_device() const {
    return options_.cloud_device.empty() ? options_.device : options_.cloud_device;
  }

  void start_cloud() {
    std::vector<std::string> arguments{apps::own_executable(),
                                       "--model",
                                       options_.model,
                                       "--device",
                                       cloud_device(),
                                       "--row-dtype",
                                       options_.row_dtype,
                                       "--full-depth-ms",
                                       std::to_string(options_.full_depth_ms),
                                       "--serve",
                                       certificates_.path().string()};
    if (options_.run_ahead) arguments.emplace_back("--run-ahead");
    cloud_.emplace(need(apps::ChildProcess::start(arguments)));
    const auto line = cloud_->read_line(std::chrono::minutes(3));
    if (!line) need(apps::Outcome<void>(apps::failed("the cloud did not start")));
    address_ = *line;
  }

  void compare_over(double link_ms) {
    auto sources = sources_of(options_, "edge", certificates_.path().string());
    sources.flags["link.cloud"] = {address_};
    sources.flags["generation.mode"] = {"collaborative"};
    sources.flags["generation.thresholds"] = {"0.5"};
    sources.flags["generation.max_tokens"] = {std::to_string(options_.tokens)};
    sources.flags["generation.ignore_eos"] = {"true"};
    sources.flags["generation.token_deadline"] = {"60s"};
    sources.flags["supervisor.adaptive"] = {"false"};
    sources.flags["conversations.max_kept"] = {
        "0"};  // each generation is the first with its prompt
    if (link_ms > 0) {
      std::ostringstream shape;
      shape << "rtt=" << link_ms << "ms";
      sources.flags["link.emulate"] = {shape.str()};
    }
    const auto settings = need(apps::load_edge_settings(sources));
    const auto decisions = bench::shuffled_decisions(
        {options_.cloud_share, options_.first_exit_share}, options_.tokens * options_.responses, 1);
    const auto node =
        need(apps::EdgeNode::start(settings, {}, [&](std::shared_ptr<model::Engine> engine) {
          return std::make_shared<bench::ReplayedExits>(slowed(options_, std::move(engine)),
                                                        decisions, options_.tokens);
        }));
    const auto link = node->await_link(std::chrono::seconds(30));
    if (!link.connected) need(apps::Outcome<void>(apps::failed(link.problem)));

    std::array<Cell, modes.size()> cells;
    for (std::size_t i = 0; i < modes.size(); ++i) {
      cells[i].mode = modes[i].name;
      cells[i].link_ms = link_ms;
      generate(*node, settings, modes[i], nullptr);  // for warmth
    }
    for (std::size_t response = 0; response < options_.responses; ++response) {
      for (std::size_t i = 0; i < modes.size(); ++i) {
        generate(*node, settings, modes[i], &cells[i]);
      }
    }
    for (const auto& cell : cells) {
      cells_.push_back(cell);
      std::cerr << "link " << link_ms << " ms, " << cell.mode << ": " << cell.total_ms
                << " ms a response\n";
    }
  }

  void generate(apps::EdgeNode& node, const apps::EdgeSettings& settings, const Compared& compared,
                Cell* cell) {
    auto request = need(apps::request_from(settings, node.config()));
    request.mode = compared.mode;
    request.ask_ahead = compared.ask_ahead;
    std::vector<model::TokenId> prompt;
    for (std::size_t i = 0; i < options_.prompt; ++i) {
      prompt.push_back(static_cast<model::TokenId>(100 + 37 * i + 11 * cells_.size()));
    }
    request.prompt = prompt;
    Milliseconds waited{0};
    Milliseconds under_way{0};
    Milliseconds computed{0};
    Milliseconds queued{0};
    const auto end = need(node.generate(std::move(request), [&](const actors::TokenEvent& token) {
      if (token.ask) {
        waited += token.ask->wait;
        under_way += token.ask->trip;
        computed += token.ask->compute;
        queued += token.ask->queue;
      }
      return true;
    }));
    if (!end.warning.empty() || end.counts.fallback() > 0) {
      need(apps::Outcome<void>(apps::failed("a token fell back to the edge: " + end.warning)));
    }
    if (cell == nullptr) return;
    const auto mean = [&](double& value, double now) {
      value += (now - value) / static_cast<double>(cell->responses);
    };
    ++cell->responses;
    cell->totals_ms.push_back(Milliseconds(end.total).count());
    mean(cell->total_ms, Milliseconds(end.total).count());
    mean(cell->first_token_ms, Milliseconds(end.time_to_first_token).count());
    mean(cell->cloud_ms, computed.count());
    mean(cell->queue_ms, queued.count());
    mean(cell->waited_ms, waited.count());
    mean(cell->communication_ms, (under_way - computed - queued).count());
    mean(cell->asks, static_cast<double>(end.counts.cloud()));
    mean(cell->asks_in_vain, static_cast<double>(end.asks_in_vain));
    mean(cell->kib_up, static_cast<double>(end.upload.bytes_up) / 1024.0);
  }

  const Options& options_;
  apps::ScratchDirectory certificates_;
  std::optional<apps::ChildProcess> cloud_;
  std::string address_;
  std::vector<Cell> cells_;
};

/// Where mode `mode` takes as long as cloud-only, by the straight line through the differences at
/// two links.
std::optional<double> break_even(const std::vector<Cell>& cells, std::size_t mode) {
  struct Point {
    double link;
    double difference;  // to cloud-only
  };
  std::vector<Point> points;
  for (std::size_t i = 0; i + mode < cells.size(); i += modes.size()) {
    points.push_back({cells[i].link_ms, cells[i + mode].median_ms() - cells[i].median_ms()});
  }
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const auto& a = points[i];
    const auto& b = points[i + 1];
    if (a.difference > 0 || b.difference < 0) continue;
    return a.link + (b.link - a.link) * -a.difference / (b.difference - a.difference);
  }
  return std::nullopt;
}

std::string Comparison::markdown() const {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2);
  out << "Random weights: times only. " << options_.responses << " responses of " << options_.tokens
      << " tokens to " << options_.prompt
      << " prompt tokens in each row, modes in turn; which head gives a token is replayed: "
      << 100 * options_.cloud_share << " % the cloud, " << 100 * options_.first_exit_share
      << " % the first exit, the rest the second, shuffled.";
  if (options_.full_depth_ms > 0) {
    out << " Layers are slowed to " << options_.full_depth_ms << " ms at full depth.";
  }
  if (cloud_device() != options_.device) out << " Edge and cloud have a device each.";
  out << "\n\n| link, ms | mode | response, ms (median) | mean | against cloud-only | edge, ms | "
         "cloud, ms "
         "| communication, ms | requests to the cloud, % | asked in vain, % | KiB up | first "
         "token, "
         "ms |\n"
         "|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto& cell = cells_[i];
    const auto& cloud_only = cells_[i - i % modes.size()];
    out << "| " << cell.link_ms << " | " << cell.mode << " | " << cell.median_ms() << " | "
        << cell.total_ms << " | ";
    if (&cell == &cloud_only) {
      out << "| | | | 100 | | ";
    } else {
      out << std::showpos << 100 * (cell.median_ms() / cloud_only.median_ms() - 1) << std::noshowpos
          << " % | " << cell.edge_ms() << " | " << cell.cloud_ms + cell.queue_ms << " | "
          << cell.communication_ms << " | "
          << 100 * cell.asks / static_cast<double>(options_.tokens) << " | "
          << 100 * cell.asks_in_vain / static_cast<double>(options_.tokens) << " | ";
    }
    out << cell.kib_up << " | " << cell.first_token_ms << " |\n";
  }
  for (std::size_t mode = 1; mode < modes.size(); ++mode) {
    if (const auto cost = break_even(cells_, mode)) {
      out << "\nAt a link of " << *cost << " ms " << modes[mode].name
          << " takes as long as cloud-only.\n";
    }
  }
  return out.str();
}

nlohmann::json Comparison::json() const {
  nlohmann::json cells = nlohmann::json::array();
  for (const auto& cell : cells_) {
    cells.push_back({{"mode", cell.mode},
                     {"link_ms", cell.link_ms},
                     {"responses", cell.responses},
                     {"totals_ms", cell.totals_ms},
                     {"mean_ms", cell.total_ms},
                     {"median_ms", cell.median_ms()},
                     {"first_token_ms", cell.first_token_ms},
                     {"waited_ms", cell.waited_ms},
                     {"cloud_ms", cell.cloud_ms},
                     {"queue_ms", cell.queue_ms},
                     {"communication_ms", cell.communication_ms},
                     {"asks", cell.asks},
                     {"asks_in_vain", cell.asks_in_vain},
                     {"kib_up", cell.kib_up}});
  }
  nlohmann::json result{{"model", options_.model},
                        {"device", options_.device},
                        {"cloud_device", cloud_device()},
                        {"row_dtype", options_.row_dtype},
                        {"full_depth_ms", options_.full_depth_ms},
                        {"tokens", options_.tokens},
                        {"prompt", options_.prompt},
                        {"cloud_share", options_.cloud_share},
                        {"first_exit_share", options_.first_exit_share},
                        {"run_ahead", options_.run_ahead},
                        {"cells", cells}};
  for (std::size_t mode = 1; mode < modes.size(); ++mode) {
    if (const auto cost = break_even(cells_, mode)) {
      result["break_even_ms"][modes[mode].name] = *cost;
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Compares cloud-only with collaborative generation on one device or two"};
  app.add_option("--model", options.model, "Checkpoint with two exits")->required();
  app.add_option("--device", options.device, "Of both processes")->capture_default_str();
  app.add_option("--cloud-device", options.cloud_device, "Of the cloud, where it is another one");
  app.add_option("--row-dtype", options.row_dtype, "Type of rows on the link");
  app.add_option("--full-depth-ms", options.full_depth_ms, "Slow all layers together to this");
  app.add_option("--links", options.link_ms, "Round trips of the links, ms")->delimiter(',');
  app.add_option("--responses", options.responses, "Of each mode over each link");
  app.add_option("--tokens", options.tokens, "Of a response");
  app.add_option("--prompt", options.prompt, "Tokens of a prompt");
  app.add_option("--cloud-share", options.cloud_share, "Of tokens that the cloud gives");
  app.add_option("--first-exit-share", options.first_exit_share, "Of tokens of the first exit");
  app.add_flag("--run-ahead", options.run_ahead,
               "The cloud computes rows before they are asked for");
  app.add_option("--markdown", options.markdown, "File for the table");
  app.add_option("--json", options.json, "File for the numbers");
  app.add_option("--serve", options.serve, "Be the cloud, with certificates in this directory");
  CLI11_PARSE(app, argc, argv);
  if (!options.serve.empty()) return serve(options);

  Comparison comparison(options);
  comparison.run();
  const auto table = comparison.markdown();
  std::cout << table;
  if (!options.markdown.empty()) std::ofstream(options.markdown) << table;
  if (!options.json.empty()) std::ofstream(options.json) << comparison.json().dump(1) << '\n';
  return 0;
}
