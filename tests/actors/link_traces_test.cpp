// One generation after another over the shipped link traces, on the test clock.

#include <gmock/gmock.h>

#include "tests/support/memory_world.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

/// Where the tokens of a minute come from, at 2.5 ms a pass of the edge.
policy::SourceCounts sources_over(const std::string& trace) {
  MemoryWorld::Options options;
  options.link = *transport::load_link_trace(std::string(CECOLLM_SOURCE_DIR) + "/bench/traces/" +
                                             trace + ".csv");
  options.model.config.hidden_size = 128;  // rows of 512 bytes, some 1.6 Mbit/s of them
  options.adaptive = true;
  options.edge_pass = 2500us;
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
  const auto sources = sources_over("cafe-wifi");
  EXPECT_GT(sources.cloud(), 2 * sources.fallback());
  EXPECT_GT(sources.cloud(), sources.total() / 25) << "of a tenth that no exit is sure of";
}

TEST(LinkTraces, KeepAnEdgeThatTheLinkCarriesWithTheCloud) {
  const auto sources = sources_over("slow-decay");
  EXPECT_GT(sources.cloud(), 20 * sources.fallback());
}

}  // namespace
}  // namespace cecollm::actors
