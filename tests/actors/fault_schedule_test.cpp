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

TEST(FaultSchedules, LoseNothingButTime) {
  const auto totals = tests::run_fault_schedules(1, 200);
  if (std::getenv("CECOLLM_FAULT_SEED") != nullptr) return;
  // Something has befallen them, and they came back from it.
  EXPECT_GT(totals.cloud_tokens, 1000);
  EXPECT_GT(totals.fallback_tokens, 1000);
  EXPECT_GT(totals.rows_resent, 1000U);
  EXPECT_GT(totals.late_asks, 20);
  EXPECT_GT(totals.lost_asks, 500);
  EXPECT_GT(totals.streams, 20);
  EXPECT_GT(totals.streams_taken_over, 20);
  EXPECT_GT(totals.cancelled, 20);
  EXPECT_GT(totals.hung_up, 20);
  EXPECT_GT(totals.changes_of_cloud, 20);
  EXPECT_GT(totals.reloaded, 20);
  EXPECT_GT(totals.resumed, 20);
}

}  // namespace
}  // namespace cecollm::actors
