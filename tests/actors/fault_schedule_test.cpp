// A whole edge and a whole cloud on the test clock, and whatever may befall link and cloud.

#include "tests/support/fault_run.hpp"
#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

GenerationRequest request(std::vector<float> thresholds, std::int64_t max_tokens = 40) {
  GenerationRequest request;
  request.prompt = std::vector<model::TokenId>{5, 6, 7};
  request.thresholds.values = std::move(thresholds);
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  return request;
}

TEST(MemoryWorlds, GenerateOverAPerfectLinkInNoTime) {
  MemoryWorld world({});
  const auto watched = world.generate(request({0.7F, 0.9F}));
  const auto begun = world.time().now();
  world.time().run();
  EXPECT_EQ(world.time().now(), begun);
  tests::expect_complete_in_time(*watched, world.options().model.config);
  tests::expect_undisturbed(world.options().model, *watched);
  EXPECT_GT(watched->end->counts.cloud(), 0);
}

TEST(MemoryWorlds, TakeOneRoundTripATokenOfTheCloud) {
  MemoryWorld::Options options;
  options.link = *transport::parse_link_spec("rtt=100ms");
  MemoryWorld world(options);
  world.time().advance(10s);
  const auto watched = world.generate(request({2.0F, 2.0F}, 20));
  world.time().advance(2s);
  tests::expect_undisturbed(world.options().model, *watched);
  ASSERT_EQ(watched->tokens.size(), 20U);
  EXPECT_EQ(watched->tokens.back().at - watched->started, 2s);
}

TEST(MemoryWorlds, LetNoContextsThatAskNothingCloseTheWindow) {
  MemoryWorld::Options options;
  const std::size_t row_bytes = 16U * 4U;
  options.acknowledge_bytes = 16 * row_bytes;
  options.window_bytes = 4 * options.acknowledge_bytes;
  MemoryWorld world(options);
  world.time().run();
  // As many rows as the cloud takes from one context without a word, of many contexts.
  const auto link = world.edge().link;
  model::Rows rows;
  rows.count = 15;
  rows.bytes = std::make_shared<const std::vector<std::byte>>(15 * row_bytes);
  for (GenerationId id = 1000; id < 1020; ++id) {
    caf::anon_send(link, OpenUpload{id, {}, {}, {}});
    caf::anon_send(link, UploadRows{id, 0, rows});
  }
  const auto watched = world.generate(request({2.0F, 2.0F}));
  world.time().advance(1h);
  tests::expect_complete_in_time(*watched, world.options().model.config);
  tests::expect_undisturbed(world.options().model, *watched);
}

TEST(FaultSchedules, LoseNothingButTime) {
  tests::run_fault_schedules(1, 200);
}

}  // namespace
}  // namespace cecollm::actors
