// What collaboration costs beyond the computing: tokens at threshold > 1 through actors, TLS and
// loopback, against the same work done by hand in one thread. One compute thread a side.

#include <cstdlib>
#include <iostream>

#include <benchmark/benchmark.h>

#include "apps/edge_node.hpp"
#include "bench/default_model.hpp"
#include "bench/loopback_cloud.hpp"

namespace cecollm::bench {
namespace {

constexpr std::int64_t tokens_per_generation = 128;
constexpr std::int64_t prompt_length = 16;

/// Edge layers and both exits' heads, then the cloud's layers and head: what a token costs where no
/// exit is ever sure, without anything in between.
void BM_SameWorkInOneThread(benchmark::State& state) {
  auto edge = load(model::Part::edge, 1);
  auto cloud = load(model::Part::cloud, 1);
  for (auto _ : state) {
    auto edge_session = *edge->open({});
    auto cloud_session = *cloud->open({});
    auto ids = prompt(prompt_length);
    for (std::int64_t i = 0; i < tokens_per_generation; ++i) {
      auto shallow = run(*edge, step_of(*edge_session, std::move(ids), {0}));
      benchmark::DoNotOptimize(run(*edge, step_of(*edge_session, std::vector<std::size_t>{1})));
      const auto deep = run(*cloud, step_of(*cloud_session, std::move(shallow.rows), {0}));
      ids = {deep.readings.front().token};
    }
  }
  state.SetItemsProcessed(state.iterations() * tokens_per_generation);
}
BENCHMARK(BM_SameWorkInOneThread)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_FullModelInOneThread(benchmark::State& state) {
  auto engine = load(model::Part::cloud_only, 1);
  const auto last = engine->stages().size() - 1;
  for (auto _ : state) {
    auto session = *engine->open({});
    auto ids = prompt(prompt_length);
    for (std::int64_t i = 0; i < tokens_per_generation; ++i) {
      ids = {run(*engine, step_of(*session, std::move(ids), {last})).readings.front().token};
    }
  }
  state.SetItemsProcessed(state.iterations() * tokens_per_generation);
}
BENCHMARK(BM_FullModelInOneThread)->Unit(benchmark::kMillisecond)->UseRealTime();

class Pair {
 public:
  explicit Pair(bool ask_ahead) {
    auto edge = cloud_.edge_sources();
    edge.flags["link.cloud"] = {cloud_.address()};
    edge.flags["generation.mode"] = {"collaborative"};
    edge.flags["supervisor.adaptive"] = {"false"};
    edge.flags["conversations.max_kept"] = {"0"};  // each generation is the first with its prompt
    edge.flags["generation.thresholds"] = {"2"};
    edge.flags["generation.ask_ahead"] = {ask_ahead ? "true" : "false"};
    edge.flags["generation.max_tokens"] = {std::to_string(tokens_per_generation)};
    edge.flags["generation.ignore_eos"] = {"true"};
    settings_ = need(apps::load_edge_settings(edge));
    edge_ = need(apps::EdgeNode::start(settings_, {}));
    const auto link = edge_->await_link(std::chrono::seconds(10));
    if (!link.connected)
      need(apps::Outcome<void>(apps::failed("the edge did not reach the cloud: " + link.problem)));
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void generate() {
    auto request = need(apps::request_from(settings_, edge_->config()));
    request.prompt = prompt(prompt_length);
    const auto end = need(edge_->generate(std::move(request), [](const auto&) { return true; }));
    if (end.counts.cloud() != tokens_per_generation) {
      std::cerr << "benchmark: not every token came from the cloud\n";
      std::exit(1);
    }
  }

 private:
  LoopbackCloud cloud_{"fp32"};
  apps::EdgeSettings settings_;
  std::unique_ptr<apps::EdgeNode> edge_;
};

void run_pair(benchmark::State& state, bool ask_ahead) {
  Pair pair(ask_ahead);
  for (auto _ : state) pair.generate();
  state.SetItemsProcessed(state.iterations() * tokens_per_generation);
}

/// The same work in the same order: what is more than the sum is the price of being distributed.
void BM_CollaborativeOnLoopback(benchmark::State& state) {
  run_pair(state, false);
}
BENCHMARK(BM_CollaborativeOnLoopback)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The cloud's layers run beside the edge's later ones.
void BM_CollaborativeAskingAhead(benchmark::State& state) {
  run_pair(state, true);
}
BENCHMARK(BM_CollaborativeAskingAhead)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace cecollm::bench
