// What the numerics cost: one shallow step, one deep step, catch-up of n rows, full depth.

#include <memory>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/default_model.hpp"

namespace cecollm::bench {
namespace {

using model::Part;

/// Positions in the caches before a step is timed; every step is undone, so the caches stay there.
constexpr std::int64_t context_length = 128;

void BM_ShallowStep(benchmark::State& state) {
  auto engine = load(Part::edge, 1);
  auto session = *engine->open({});
  run(*engine, step_of(*session, prompt(context_length), {0}));
  for (auto _ : state) {
    benchmark::DoNotOptimize(run(*engine, step_of(*session, prompt(1), {0})));
    session->truncate(context_length);
  }
}
BENCHMARK(BM_ShallowStep)->Unit(benchmark::kMicrosecond);

void BM_DeepStep(benchmark::State& state) {
  auto edge = load(Part::edge, 1);
  auto cloud = load(Part::cloud, 1);
  auto edge_session = *edge->open({});
  auto session = *cloud->open({});
  const auto rows = run(*edge, step_of(*edge_session, prompt(context_length), {})).rows;
  run(*cloud, step_of(*session, rows, {0}));
  const auto row = run(*edge, step_of(*edge_session, prompt(1), {})).rows;
  for (auto _ : state) {
    benchmark::DoNotOptimize(run(*cloud, step_of(*session, row, {0})));
    session->truncate(context_length);
  }
}
BENCHMARK(BM_DeepStep)->Unit(benchmark::kMicrosecond);

/// One step that gives each of many contexts its next token: the bare loop that a cloud is measured
/// against.
void BM_DeepBatch(benchmark::State& state) {
  auto edge = load(Part::edge, 1);
  auto cloud = load(Part::cloud, 1);
  auto edge_session = *edge->open({});
  const auto rows = run(*edge, step_of(*edge_session, prompt(context_length), {})).rows;
  const auto row = run(*edge, step_of(*edge_session, prompt(1), {})).rows;
  std::vector<std::unique_ptr<model::Session>> sessions;
  std::vector<model::Step> steps;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    sessions.push_back(*cloud->open({}));
    run(*cloud, step_of(*sessions.back(), rows, {0}));
    steps.push_back(step_of(*sessions.back(), row, {0}));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(cloud->run(steps));
    for (const auto& session : sessions) session->truncate(context_length);
  }
  state.counters["tokens_per_second"] = benchmark::Counter(
      static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_DeepBatch)->Arg(1)->Arg(7)->Arg(32)->Arg(128)->Unit(benchmark::kMicrosecond);

void BM_CatchUp(benchmark::State& state) {
  const auto pending = state.range(0);
  auto edge = load(Part::edge, 1);
  auto cloud = load(Part::cloud, 1);
  auto edge_session = *edge->open({});
  auto session = *cloud->open({});
  run(*cloud,
      step_of(*session, run(*edge, step_of(*edge_session, prompt(context_length), {})).rows, {0}));
  const auto rows = run(*edge, step_of(*edge_session, prompt(pending), {})).rows;
  for (auto _ : state) {
    benchmark::DoNotOptimize(run(*cloud, step_of(*session, rows, {0})));
    session->truncate(context_length);
  }
  state.counters["us_per_row"] = benchmark::Counter(
      static_cast<double>(pending) * 1e-6,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_CatchUp)->RangeMultiplier(4)->Range(1, 256)->Unit(benchmark::kMicrosecond);

void BM_FullStep(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  const auto batch = state.range(1);
  auto engine = load(Part::cloud_only, threads);
  const auto last = engine->stages().size() - 1;
  std::vector<std::unique_ptr<model::Session>> sessions;
  for (std::int64_t i = 0; i < batch; ++i) {
    sessions.push_back(*engine->open({}));
    run(*engine, step_of(*sessions.back(), prompt(context_length), {last}));
  }
  std::vector<model::Step> steps;
  steps.reserve(sessions.size());
  for (const auto& session : sessions) steps.push_back(step_of(*session, prompt(1), {last}));
  for (auto _ : state) {
    benchmark::DoNotOptimize(engine->run(steps));
    for (const auto& session : sessions) session->truncate(context_length);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_FullStep)
    ->ArgNames({"threads", "batch"})
    ->ArgsProduct({{1, 2}, {1, 8, 32}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cecollm::bench
