// One generation after another over the shipped link traces, on the test clock.

#include <gmock/gmock.h>

#include "tests/support/memory_world.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

/// Where the tokens of a minute come from, on an edge of this speed.
policy::SourceCounts sources_over(const std::string& trace, std::chrono::microseconds edge_pass) {
  MemoryWorld::Options options;
  options.link = *transport::load_link_trace(std::string(CECOLLM_SOURCE_DIR) + "/bench/traces/" +
                                             trace + ".csv");
  options.model.config.hidden_size = 128;  // rows of 512 bytes, 2 Mbit/s of them
  options.adaptive = true;
  options.edge_pass = edge_pass;
  options.cloud_pass = 3ms;
  MemoryWorld world(options);
  world.time().advance(1s);
  policy::SourceCounts sources;
  const auto end = world.time().now() + 1min;
  for (model::TokenId number = 0; world.time().now() < end; ++number) {
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>(15, 3 + number % 60);
    request.thresholds.values = {0.6F, 0.6F};
    request.max_tokens = 100;
    request.ignore_eos = true;
    request.token_deadline = 250ms;
    const auto watched = world.generate(std::move(request));
    world.time().run_until([&] { return watched->gone.has_value(); }, end + 1h);
    for (const auto& token : watched->tokens) sources.add(token.event.source);
  }
  return sources;
}

TEST(LinkTraces, LeaveNoEdgeBehindWhoseUplinkWasSlowForAWhile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "takes minutes when it is instrumented; the next test runs the same code";
#endif
  // Which ask meets which second of the trace hangs on microseconds, so one edge alone may be lucky
  // or not: the counts are those of edges of several speeds.
  std::int64_t cloud = 0;
  std::int64_t fallback = 0;
  std::int64_t total = 0;
  for (auto edge_pass = 1500us; edge_pass <= 2200us; edge_pass += 100us) {
    const auto sources = sources_over("cafe-wifi", edge_pass);
    cloud += sources.cloud();
    fallback += sources.fallback();
    total += sources.total();
  }
  // 1.9 times as many; 0.7 where nothing that passed proves a rate, 0.5 where nothing is told of
  // it.
  EXPECT_GT(2 * cloud, 3 * fallback) << cloud << " and " << fallback;
  EXPECT_GT(cloud, total / 25) << "of a tenth that no exit is sure of";
}

TEST(LinkTraces, KeepAnEdgeThatTheLinkCarriesWithTheCloud) {
  const auto sources = sources_over("slow-decay", 1700us);
  EXPECT_GT(sources.cloud(), 20 * sources.fallback());
}

}  // namespace
}  // namespace cecollm::actors
