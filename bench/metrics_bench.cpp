// What a token costs in metrics, on one thread and on eight that share all series. Required: at
// most 1 µs and no allocation. Run with
//   build/release/bench/metrics_bench --benchmark_repetitions=5

#include <cstdlib>
#include <new>

#include <benchmark/benchmark.h>
#include <prometheus/registry.h>

#include "actors/generation_metrics.hpp"
#include "monitoring/metrics.hpp"

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

// Not inlined: the compiler would hold free() for a mismatch of new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace cecollm {
namespace {

struct Node {
  prometheus::Registry registry;
  monitoring::EdgeMetrics edge{registry,
                               {{"0", "bench", "", "3,6", "fp32"},
                                {3, 6},
                                {"standalone", "collaborative", "cloud-only"},
                                {"started", "link_lost"}}};
};

Node& node() {
  static Node shared;
  return shared;
}

/// Everything that exit decision and generation count for a token of the first exit.
void count_exit_token(const monitoring::EdgeMetrics& metrics, double time) {
  metrics.exit_confidence[0].Observe(0.9);
  actors::count_token(metrics, {policy::Source::Kind::exit, 0});
  metrics.inter_token.Observe(time);
}

/// And for one of the cloud: two readings, the ask, and what the link counts.
void count_cloud_token(const monitoring::EdgeMetrics& metrics, double time) {
  metrics.exit_confidence[0].Observe(0.3);
  metrics.exit_confidence[1].Observe(0.4);
  metrics.rows_sent.Increment();
  metrics.row_bytes.Increment(512);
  metrics.sent_bytes.Increment(540);
  metrics.received_bytes.Increment(60);
  metrics.rows_acknowledged.Increment();
  metrics.retained_row_bytes.Set(512);
  metrics.uplink_queue.Set(512);
  metrics.asks[monitoring::AskOutcome::answered].Increment();
  metrics.cloud_wait.Observe(time);
  actors::count_token(metrics, {policy::Source::Kind::cloud, 0});
  metrics.inter_token.Observe(time);
}

template <auto count>
void count_tokens(benchmark::State& state) {
  const auto& metrics = node().edge;
  // Times of all buckets, so that no branch is learnt.
  double time = 0.0005;
  const auto before = allocations;
  for (auto _ : state) {
    count(metrics, time);
    time = time > 30 ? 0.0005 : time * 1.7;
  }
  state.counters["allocations"] = static_cast<double>(allocations - before);  // of all threads
}

BENCHMARK(count_tokens<count_exit_token>)
    ->Name("exit_token")
    ->Threads(1)
    ->Threads(8)
    ->UseRealTime();
BENCHMARK(count_tokens<count_cloud_token>)
    ->Name("cloud_token")
    ->Threads(1)
    ->Threads(8)
    ->UseRealTime();

}  // namespace
}  // namespace cecollm
