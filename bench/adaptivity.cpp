// How standalone, collaborative (which always waits), adaptive and cloud-only fare over constant
// round trips and over the shipped traces: speed, sources, agreement with the full model, bytes.
// Edge and cloud run in this process and talk TLS over loopback; the link is emulated below TLS. On
// a trace every mode sees the same link from its beginning.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <thread>

#include <CLI/CLI.hpp>

#include "apps/edge_node.hpp"
#include "bench/adaptivity_report.hpp"
#include "bench/agreement.hpp"
#include "bench/default_model.hpp"
#include "bench/held_out_texts.hpp"
#include "bench/loopback_cloud.hpp"
#include "bench/machine.hpp"
#include "bench/own_compute.hpp"
#include "bench/statistics.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string out = "bench/results/adaptivity";
  double seconds = 10;
  double trace_seconds = 0;  // 0: its whole length
  std::string deadline = "250ms";
  std::string threshold = "0.8";
  std::string conditions;
  std::vector<std::string> only_links;
  std::vector<std::string> only_modes;
  int jobs = 1;
};

template <class Item, class Name>
void keep_only(std::vector<Item>& items, const std::vector<std::string>& wanted, Name name) {
  if (wanted.empty()) return;
  std::erase_if(items, [&](const Item& item) {
    return std::ranges::find(wanted, std::invoke(name, item)) == wanted.end();
  });
}

struct Link {
  std::string name;
  double rtt_ms = 0;  // of a constant one
  std::string flag;
  std::string value;
  double seconds = 0;  // of a trace, until it ends or begins anew
};

/// The time of the last line.
double length_of_trace(const std::string& file) {
  std::ifstream lines(file);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line;
  }
  double seconds = 0;
  if (std::from_chars(last.data(), last.data() + last.size(), seconds).ec != std::errc{}) {
    need(apps::Outcome<void>(apps::failed(file + ": is no trace")));
  }
  return seconds;
}

std::vector<Link> links() {
  std::vector<Link> all;
  for (const int rtt : {1, 5, 13, 50, 100, 300}) {
    all.push_back({"rtt " + std::to_string(rtt) + " ms", static_cast<double>(rtt), "link.emulate",
                   "rtt=" + std::to_string(rtt) + "ms,up=20mbit,down=50mbit"});
  }
  for (const char* trace : {"lte-drive", "ship-satellite", "cafe-wifi", "flapping", "slow-decay"}) {
    const auto file = std::string(CECOLLM_TRACES) + "/" + trace + ".csv";
    all.push_back({trace, 0, "link.emulate_trace", file, length_of_trace(file)});
  }
  return all;
}

const std::vector<std::string> all_modes{"standalone", "collaborative", "adaptive", "cloud-only"};

std::vector<std::string> prompts() {
  std::vector<std::string> all;
  for (auto& prompt : need(held_out_prompts(CECOLLM_BENCH_TEXTS))) {
    all.push_back(std::move(prompt.text));
  }
  return all;
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  AdaptivityCell measure(const Link& link, const std::string& mode) {
    const auto settings = need(apps::load_edge_settings(edge_sources(link, mode)));
    std::shared_ptr<const TimedEngine> engine;
    const auto node =
        need(apps::EdgeNode::start(settings, {}, [&engine](std::shared_ptr<model::Engine> inner) {
          auto timed = std::make_shared<TimedEngine>(std::move(inner));
          engine = timed;
          return timed;
        }));
    if (!settings.clouds.empty()) node->await_link(std::chrono::seconds(30));
    AdaptivityCell cell;
    cell.link = link.name;
    cell.rtt_ms = link.rtt_ms;
    cell.mode = mode;
    const double on_trace = options_.trace_seconds > 0 ? options_.trace_seconds : link.seconds;
    const double seconds = link.rtt_ms > 0 ? options_.seconds : on_trace;
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(seconds));
    Gaps gaps;
    if (mode == "adaptive") gaps.deadline_ms = milliseconds(settings.generation.token_deadline);
    policy::SourceCounts counts;
    for (std::size_t i = 0; Clock::now() < end; ++i) {
      run(*node, *engine, settings, prompts_[i % prompts_.size()], end, cell, gaps, counts);
    }
    finish(cell, gaps, counts);
    return cell;
  }

 private:
  /// Between tokens, milliseconds, one entry each.
  struct Gaps {
    std::optional<double> deadline_ms;
    std::vector<double> whole;
    std::vector<double> own;       // of it, the edge's own layers
    std::vector<double> of_bound;  // the share of the deadline and the own compute; with a deadline
  };

  static double milliseconds(Clock::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  }

  void run(apps::EdgeNode& node, const TimedEngine& engine, const apps::EdgeSettings& settings,
           const std::string& prompt, Clock::time_point end, AdaptivityCell& cell, Gaps& gaps,
           policy::SourceCounts& counts) {
    auto request = need(apps::request_from(settings, node.config()));
    const auto ids = node.tokenizer()->encode(prompt, true);
    request.prompt = ids;
    std::vector<model::TokenId> emitted;
    std::optional<Clock::time_point> before;
    const auto finished =
        need(node.generate(std::move(request), [&](const actors::TokenEvent& token) {
          const auto now = Clock::now();
          if (before) {
            gaps.whole.push_back(milliseconds(now - *before));
            gaps.own.push_back(
                milliseconds(engine.own_compute(std::ssize(ids) + std::ssize(emitted))));
            if (gaps.deadline_ms) {
              gaps.of_bound.push_back(gaps.whole.back() / (*gaps.deadline_ms + gaps.own.back()));
            }
          }
          before = now;
          emitted.push_back(token.token);
          counts.add(token.source);
          return now < end;
        }));
    const auto agreed = agreeing_tokens(*whole_, ids, emitted);
    if (!agreed) need(apps::Outcome<void>(apps::failed(agreed.error().message)));
    agreed_ += *agreed;
    cell.tokens += static_cast<std::int64_t>(emitted.size());
    cell.bytes_up_per_token += static_cast<double>(finished.upload.bytes_up);
    cell.bytes_down_per_token += static_cast<double>(finished.upload.bytes_down);
    cell.mode_switches += static_cast<std::int64_t>(finished.mode_switches.size());
  }

  void finish(AdaptivityCell& cell, Gaps& gaps, const policy::SourceCounts& counts) {
    const auto tokens = static_cast<double>(cell.tokens);
    for (const double gap : gaps.whole) {
      cell.mean_ms += gap / static_cast<double>(gaps.whole.size());
    }
    cell.p50_ms = quantile(gaps.whole, 0.5);
    cell.p99_ms = quantile(gaps.whole, 0.99);
    cell.max_ms = quantile(gaps.whole, 1);
    cell.own_p99_ms = quantile(gaps.own, 0.99);
    if (gaps.deadline_ms) cell.p99_of_bound = quantile(gaps.of_bound, 0.99);
    cell.from_cloud = static_cast<double>(counts.cloud()) / tokens;
    cell.fallback = static_cast<double>(counts.fallback()) / tokens;
    cell.from_exits = 1 - cell.from_cloud - cell.fallback;
    cell.agreement = static_cast<double>(std::exchange(agreed_, 0)) / tokens;
    cell.bytes_up_per_token /= tokens;
    cell.bytes_down_per_token /= tokens;
  }

  apps::SettingSources edge_sources(const Link& link, const std::string& mode) const {
    auto sources = cloud_.edge_sources();
    sources.flags["generation.thresholds"] = {options_.threshold};
    sources.flags["generation.max_tokens"] = {"100"};
    sources.flags["generation.ignore_eos"] = {"true"};
    sources.flags["conversations.max_kept"] = {
        "0"};  // each generation is the first with its prompt
    sources.flags["generation.mode"] = {mode == "adaptive" ? "collaborative" : mode};
    if (mode == "standalone") return sources;
    sources.flags["link.cloud"] = {cloud_.address()};
    sources.flags[link.flag] = {link.value};
    if (mode == "adaptive") {
      sources.flags["generation.token_deadline"] = {options_.deadline};
    } else {
      sources.flags["supervisor.adaptive"] = {"false"};
      sources.flags["generation.token_deadline"] = {"1h"};
    }
    return sources;
  }

  Options options_;
  LoopbackCloud cloud_{"fp16"};
  std::unique_ptr<model::Engine> whole_ = load(model::Part::whole, 1);
  std::vector<std::string> prompts_ = prompts();
  std::int64_t agreed_ = 0;
};

std::vector<AdaptivityCell> measure_all(const Options& options) {
  auto all = links();
  auto modes = all_modes;
  keep_only(all, options.only_links, &Link::name);
  keep_only(modes, options.only_modes, std::identity{});
  std::vector<AdaptivityCell> cells(all.size() * modes.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    Bench bench(options);
    for (auto i = next++; i < cells.size(); i = next++) {
      const auto cell = bench.measure(all[i / modes.size()], modes[i % modes.size()]);
      std::cerr << cell.link + ", " + cell.mode + ": " + std::to_string(cell.mean_ms) +
                       " ms a token\n";
      cells[i] = cell;
    }
  };
  std::vector<std::thread> jobs;
  jobs.reserve(static_cast<std::size_t>(options.jobs));
  for (int i = 0; i < options.jobs; ++i) jobs.emplace_back(work);
  for (auto& job : jobs) job.join();
  return cells;
}

int measure_and_write(const Options& options) {
  const auto cells = measure_all(options);
  std::string conditions =
      "Default model, fp32, one thread a side, rows in fp16, threshold " + options.threshold +
      ", 100 tokens a prompt. Adaptive has a deadline of " + options.deadline +
      " a token; collaborative and cloud-only wait as long as it takes. " +
      (options.trace_seconds > 0
           ? "The first " + to_text(options.trace_seconds) + " s of each trace."
           : "Each trace from its beginning to its end.") +
      " " + describe_machine() + ", " + std::to_string(options.jobs) + " runs at a time.";
  if (!options.conditions.empty()) conditions += " " + options.conditions;
  if (write_adaptivity(options.out, conditions, cells)) return 0;
  std::cerr << "adaptivity: cannot write to " << options.out << '\n';
  return 1;
}

}  // namespace
}  // namespace cecollm::bench

int main(int argc, char** argv) {
  cecollm::bench::Options options;
  CLI::App app{"Measures the modes over emulated links"};
  app.add_option("--out", options.out, "Directory of the results [bench/results/adaptivity]");
  app.add_option("--seconds", options.seconds, "Time for a mode over a constant link [10]");
  app.add_option("--trace-seconds", options.trace_seconds,
                 "Time for a mode over a trace [the trace's length]");
  app.add_option("--deadline", options.deadline, "Token deadline of the adaptive mode [250ms]");
  app.add_option("--threshold", options.threshold, "Exit threshold [0.8]");
  app.add_option("--link", options.only_links, "Only these links, by their names in the results");
  app.add_option("--mode", options.only_modes, "Only these modes");
  app.add_option("--jobs", options.jobs,
                 "Modes and links measured at a time, with two cores for each [1]");
  app.add_option("--conditions", options.conditions, "A sentence on machine and commit");
  CLI11_PARSE(app, argc, argv);
  return cecollm::bench::measure_and_write(options);
}
