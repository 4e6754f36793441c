// Many contexts on one cloud: whatever they share, each generation's tokens are its own.

#include <random>

#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

/// Generations of all edges, which begin one after the other and run side by side.
std::vector<std::shared_ptr<tests::Watched>> generate_all(MemoryWorld& world, std::size_t count,
                                                          std::size_t longest_prompt) {
  std::mt19937 random(11);
  std::vector<std::shared_ptr<tests::Watched>> all;
  for (std::size_t i = 0; i < count; ++i) {
    GenerationRequest request;
    std::vector<model::TokenId> prompt(1 + random() % longest_prompt);
    for (auto& id : prompt) id = static_cast<model::TokenId>(3 + random() % 60);
    request.prompt = prompt;
    request.thresholds.values = {i % 3 == 0 ? 2.0F : 0.7F, i % 3 == 0 ? 2.0F : 0.8F};
    if (i % 4 == 1) {
      request.sampling.repetition_penalty = 1.4F;
      request.sampling.temperature = 0.9F;
    }
    request.max_tokens = 20;
    request.ignore_eos = true;
    all.push_back(world.generate(std::move(request), i % world.options().edges));
    world.time().advance(std::chrono::microseconds(random() % 3000));
  }
  world.time().advance(5min);
  return all;
}

void expect_all_right(const MemoryWorld& world,
                      const std::vector<std::shared_ptr<tests::Watched>>& all) {
  for (const auto& watched : all) {
    tests::expect_complete_in_time(*watched, world.options().model.config);
    tests::expect_right_tokens(world.options().model, *watched);
    ASSERT_TRUE(watched->end);
    EXPECT_EQ(watched->end->counts.fallback(), 0) << "the cloud did not answer in time";
  }
}

class CloudBatching : public testing::TestWithParam<std::size_t> {};

TEST_P(CloudBatching, GivesEachClientTheTokensThatItWouldGetAlone) {
  MemoryWorld::Options options;
  options.edges = std::min<std::size_t>(GetParam(), 8);
  options.edge_pass = 200us;
  options.cloud_pass = 2ms;
  options.batch = {.rows = 24, .tokens = 8};
  MemoryWorld world(options);
  world.time().advance(1s);
  expect_all_right(world, generate_all(world, GetParam(), 60));
  EXPECT_EQ(world.cloud().store_level().contexts, 0U);
  EXPECT_EQ(world.cloud().compute_level().sessions, 0U);
}

TEST_P(CloudBatching, RebuildsCachesThatDoNotFitTogether) {
  MemoryWorld::Options options;
  options.edges = std::min<std::size_t>(GetParam(), 8);
  options.edge_pass = 200us;
  options.cloud_pass = 1ms;
  options.kv_positions = 100;  // of one context that is as long as they get, and a little
  MemoryWorld world(options);
  world.time().advance(1s);
  const auto all = generate_all(world, GetParam(), 60);
  expect_all_right(world, all);
  EXPECT_EQ(world.cloud().compute_level().kv_bytes, 0U);
}

INSTANTIATE_TEST_SUITE_P(Clients, CloudBatching, testing::Values(1U, 7U, 32U),
                         [](const auto& clients) { return std::to_string(clients.param); });

}  // namespace
}  // namespace cecollm::actors
