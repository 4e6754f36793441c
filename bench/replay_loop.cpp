// The bare loop that a cloud is measured against: the asks of a recording, so many contexts in each
// pass, straight into the engine. No actors, no link, no waiting; the same rows and the same
// answers.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "load/recording_file.hpp"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string model;
  std::string recording;
  std::size_t batch = 1;
  int threads = 1;
  double warm_up = 1;
  double seconds = 5;
};

struct Counts {
  std::int64_t passes = 0;
  std::int64_t tokens = 0;
  std::int64_t rows = 0;
  std::int64_t other_tokens = 0;  // than the recorded ones
};

/// One context after the other, each from its first ask to its last.
class Lane {
 public:
  Lane(const load::Recording& recording, model::Engine& engine, std::size_t first)
      : recording_(recording), engine_(engine), generation_(first) {}

  /// All rows up to the next token that the cloud has to give, in a session of this lane.
  model::Result<model::Step> next() {
    for (;;) {
      const auto& generations = recording_.generations();
      const auto& generation = generations[generation_ % generations.size()];
      while (token_ < generation.tokens.size() &&
             generation.tokens[token_].head != model::final_head) {
        ++token_;
      }
      if (token_ < generation.tokens.size()) return step_of(generation);
      ++generation_;
      token_ = 0;
      rows_ = 0;
      session_.reset();
    }
  }
  /// Whether the reading is the token that was recorded. The lane goes on to the next.
  bool take(const model::Reading& reading) {
    const auto& generations = recording_.generations();
    return generations[generation_ % generations.size()].tokens[token_++].id == reading.token;
  }

 private:
  model::Result<model::Step> step_of(const load::RecordedGeneration& generation) {
    if (!session_) {
      auto opened = engine_.open({});
      if (!opened) return tl::unexpected(opened.error());
      session_ = std::move(*opened);
    }
    const auto all = generation.prompt.size() + token_;
    model::Step step;
    step.session = session_.get();
    step.input = recording_.rows_of(generation, rows_, all - rows_);
    step.read = {engine_.stages().size() - 1};
    rows_ = all;
    return step;
  }

  const load::Recording& recording_;
  model::Engine& engine_;
  std::size_t generation_;
  std::size_t token_ = 0;
  std::size_t rows_ = 0;
  std::unique_ptr<model::Session> session_;
};

std::int64_t rows_in(const model::Step& step) {
  return std::get<model::Rows>(step.input).count;
}

model::Result<void> pass(model::Engine& engine, std::vector<Lane>& lanes, Counts& counts) {
  std::vector<model::Step> steps;
  for (auto& lane : lanes) {
    auto step = lane.next();
    if (!step) return tl::unexpected(step.error());
    counts.rows += rows_in(*step);
    steps.push_back(std::move(*step));
  }
  const auto results = engine.run(steps);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!results[i]) return tl::unexpected(results[i].error());
    counts.other_tokens += lanes[i].take(results[i]->readings.front()) ? 0 : 1;
  }
  ++counts.passes;
  counts.tokens += std::ssize(lanes);
  return {};
}

model::Result<nlohmann::ordered_json> measure(const Options& options) {
  const auto recording = load::open_recording(options.recording);
  if (!recording) return tl::unexpected(recording.error());
  model::set_compute_threads(options.threads);
  const auto checkpoint =
      model::Checkpoint::open(options.model, recording->model().identity.exit_layers);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto engine = model::load_engine(*checkpoint, model::Part::cloud,
                                         {model::ComputeDType::fp32, recording->model().codec});
  if (!engine) return tl::unexpected(engine.error());

  std::vector<Lane> lanes;
  for (std::size_t i = 0; i < options.batch; ++i) lanes.emplace_back(*recording, **engine, i);
  const auto run_for = [&](double seconds) -> model::Result<std::pair<Counts, double>> {
    Counts counts;
    const auto begin = Clock::now();
    std::chrono::duration<double> taken{0};
    while (taken.count() < seconds) {
      if (auto done = pass(**engine, lanes, counts); !done) return tl::unexpected(done.error());
      taken = Clock::now() - begin;
    }
    return std::pair(counts, taken.count());
  };
  if (auto warm = run_for(options.warm_up); !warm) return tl::unexpected(warm.error());
  const auto run = run_for(options.seconds);
  if (!run) return tl::unexpected(run.error());
  const auto& [counts, seconds] = *run;
  return nlohmann::ordered_json{{"batch", options.batch},
                                {"threads", options.threads},
                                {"seconds", seconds},
                                {"tokens", counts.tokens},
                                {"rows", counts.rows},
                                {"tokens_per_s", static_cast<double>(counts.tokens) / seconds},
                                {"pass_ms", seconds * 1e3 / static_cast<double>(counts.passes)},
                                {"other_tokens", counts.other_tokens}};
}

}  // namespace
}  // namespace cecollm::bench

int main(int argc, char** argv) {
  cecollm::bench::Options options;
  CLI::App app{"Answers the asks of a recording in a bare loop, and prints its rate as JSON"};
  app.add_option("--model", options.model, "Checkpoint directory")->required();
  app.add_option("--recording", options.recording, "By `cecollm record`")->required();
  app.add_option("--batch", options.batch, "Contexts in each pass [1]")->check(CLI::Range(1, 4096));
  app.add_option("--threads", options.threads, "Compute threads [1]")->check(CLI::Range(1, 256));
  app.add_option("--warm-up", options.warm_up, "Seconds before counting [1]");
  app.add_option("--seconds", options.seconds, "Seconds to count [5]");
  CLI11_PARSE(app, argc, argv);
  const auto result = cecollm::bench::measure(options);
  if (!result) {
    std::cerr << "replay_loop: " << result.error().message << '\n';
    return 1;
  }
  std::cout << *result << '\n';
  return 0;
}
