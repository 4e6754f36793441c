// What a model of any size costs through the engine's own interface, on a device: full-depth steps
// in batches, a prompt, a catch-up, and an edge's steps. Random weights will do (make_checkpoint).
//   gpu_engine --model DIR --device cuda [--json FILE]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/default_model.hpp"
#include "model/checkpoint.hpp"

namespace {

using namespace cecollm;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t context_length = 128;
constexpr std::int64_t prompt_length = 512;
constexpr std::int64_t catch_up_rows = 16;

struct Options {
  std::string model;
  std::string device = "cuda";
  std::string dtype = "bf16";
  std::string json;
  std::vector<int> batches{1, 8, 32, 128};
  int repetitions = 40;
};

struct Timing {
  std::string what;
  double median_ms = 0.0;
  double best_ms = 0.0;
};

[[noreturn]] void give_up(const std::string& message) {
  std::cerr << "gpu_engine: " << message << '\n';
  std::exit(1);
}

template <class T>
T need(model::Result<T> result) {
  if (!result) give_up(result.error().message);
  return std::move(*result);
}

class Bench {
 public:
  explicit Bench(const Options& options)
      : options_(options), checkpoint_(need(model::Checkpoint::open(options.model))) {}

  std::unique_ptr<model::Engine> load(model::Part part) const {
    const auto dtype =
        options_.dtype == "fp32" ? model::ComputeDType::fp32 : model::ComputeDType::bf16;
    return need(model::load_engine(checkpoint_, part,
                                   {.dtype = dtype,
                                    .row_codec = model::find_row_codec("bf16"),
                                    .device = need(model::parse_device(options_.device))}));
  }

  /// Times `step`, which is undone by `undo`, in turn.
  template <class Step, class Undo>
  void time(const std::string& what, const Step& step, const Undo& undo) {
    std::vector<double> times;
    for (int i = 0; i < options_.repetitions + 3; ++i) {
      const auto begin = Clock::now();
      step();
      const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
      undo();
      if (i >= 3) times.push_back(took.count());
    }
    std::ranges::sort(times);
    timings_.push_back({what, times[times.size() / 2], times.front()});
    std::cout << "| " << std::left << std::setw(58) << what << " | " << std::fixed
              << std::setprecision(3) << timings_.back().median_ms << " | "
              << timings_.back().best_ms << " |" << std::endl;
  }

  void run_batch(model::Engine& engine, const std::vector<model::Step>& steps) {
    for (auto& result : engine.run(steps)) need(std::move(result));
  }

  void full_depth() {
    const auto engine = load(model::Part::cloud_only);
    const std::size_t last = engine->stages().size() - 1;
    const auto vocab = engine->config().vocab_size;
    std::vector<std::unique_ptr<model::Session>> sessions;
    for (const int batch : options_.batches) {
      std::vector<model::Step> steps;
      for (int i = 0; i < batch; ++i) {
        if (std::cmp_greater_equal(i, sessions.size())) {
          sessions.push_back(need(engine->open({})));
          bench::run(*engine, bench::step_of(*sessions.back(), text(context_length, i, vocab), {}));
          model::Step rest;
          rest.session = sessions.back().get();
          rest.catch_up = true;
          bench::run(*engine, rest);
        }
        steps.push_back(
            bench::step_of(*sessions[static_cast<std::size_t>(i)], text(1, i + 7, vocab), {last}));
      }
      time(
          "full-depth step, batch " + std::to_string(batch) + ", " +
              std::to_string(context_length) + " positions, head and token",
          [&] { run_batch(*engine, steps); },
          [&] {
            for (const auto& step : steps) step.session->truncate(context_length);
          });
    }
    sessions.clear();
    const auto session = need(engine->open({}));
    const auto prompt = bench::step_of(*session, text(prompt_length, 3, vocab), {last});
    time(
        "prefill of " + std::to_string(prompt_length) + " tokens, head and token",
        [&] { bench::run(*engine, prompt); }, [&] { session->truncate(0); });

    const auto cloud = need(model::share_with_cloud_part(*engine));
    const auto edge_rows = [&](std::int64_t count) {
      const auto probe = need(engine->open({}));
      return bench::run(*engine, bench::step_of(*probe, text(count, 5, vocab), {})).rows;
    };
    const auto deep = need(cloud->open({}));
    bench::run(*cloud, bench::step_of(*deep, edge_rows(context_length), {0}));
    for (const std::int64_t count : {std::int64_t{1}, std::int64_t{2}, catch_up_rows}) {
      const auto step = bench::step_of(*deep, edge_rows(count), {0});
      time(
          "cloud part: catch-up of " + std::to_string(count) + " rows, head and token",
          [&] { bench::run(*cloud, step); }, [&] { deep->truncate(context_length); });
    }
  }

  void edge() {
    const auto engine = load(model::Part::edge);
    const auto vocab = engine->config().vocab_size;
    const auto session = need(engine->open({}));
    const auto exits = engine->stages().size();
    bench::run(*engine, bench::step_of(*session, text(context_length, 1, vocab), {exits - 1}));
    for (std::size_t exit = 0; exit < exits; ++exit) {
      const auto step = bench::step_of(*session, text(1, 9, vocab), {exit});
      time(
          "edge part: step to exit " + std::to_string(exit + 1) + " and its head",
          [&] { bench::run(*engine, step); }, [&] { session->truncate(context_length); });
    }
  }

  void write_json() const {
    if (options_.json.empty()) return;
    nlohmann::json list = nlohmann::json::array();
    for (const auto& timing : timings_) {
      list.push_back(
          {{"what", timing.what}, {"median_ms", timing.median_ms}, {"best_ms", timing.best_ms}});
    }
    std::ofstream(options_.json) << nlohmann::json{{"model", options_.model},
                                                   {"device", options_.device},
                                                   {"dtype", options_.dtype},
                                                   {"repetitions", options_.repetitions},
                                                   {"timings", list}}
                                        .dump(1)
                                 << '\n';
  }

 private:
  static std::vector<model::TokenId> text(std::int64_t length, int seed, int vocab) {
    std::vector<model::TokenId> ids;
    for (std::int64_t i = 0; i < length; ++i) {
      ids.push_back(static_cast<model::TokenId>((i * 7919 + seed * 104'729 + 17) % vocab));
    }
    return ids;
  }

  const Options& options_;
  model::Checkpoint checkpoint_;
  std::vector<Timing> timings_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Times a model's engines on a device"};
  app.add_option("--model", options.model, "Checkpoint")->required();
  app.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--dtype", options.dtype, "Type to compute in")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--batches", options.batches, "Sizes of batches")->delimiter(',');
  app.add_option("--repetitions", options.repetitions, "Timed runs of each")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--json", options.json, "File for the numbers");
  CLI11_PARSE(app, argc, argv);
  std::cout << "| step | median, ms | best, ms |\n|---|---|---|\n";
  Bench bench(options);
  bench.full_depth();
  bench.edge();
  bench.write_json();
  return 0;
}
