// An edge that has no layers of its own, as a cloud's API is one: cloud-only or nothing.

#include <gmock/gmock.h>

#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

class WithoutLayers : public ::testing::Test {
 protected:
  WithoutLayers() {
    options_.edges_compute = false;
    options_.mode.preferred = policy::Mode::cloud_only;
    options_.cloud_pass = 50ms;
    options_.link = *transport::parse_link_spec("rtt=20ms");
    request_.prompt = std::vector<model::TokenId>{5, 6, 7};
    request_.thresholds.values = {2.0F, 2.0F};
    request_.mode = policy::Mode::cloud_only;
    request_.max_tokens = 20;
    request_.ignore_eos = true;
    request_.token_deadline = request_.first_token_deadline = 1s;
  }

  MemoryWorld& world() {
    if (!world_) {
      world_.emplace(options_);
      world_->time().advance(1s);
    }
    return *world_;
  }
  void expect_failed(const tests::Watched& watched, const std::string& why) {
    ASSERT_TRUE(watched.end);
    EXPECT_EQ(watched.end->reason, FinishReason::failed);
    EXPECT_TRUE(watched.end->unavailable);
    EXPECT_FALSE(watched.end->user_error);
    EXPECT_THAT(watched.end->error, testing::HasSubstr(why));
  }

  MemoryWorld::Options options_;
  GenerationRequest request_;
  std::optional<MemoryWorld> world_;
};

TEST_F(WithoutLayers, GenerationsComeFromTheCloud) {
  const auto watched = world().generate(request_);
  world().time().advance(10s);
  tests::expect_right_tokens(options_.model, *watched);
  EXPECT_EQ(watched->end->reason, FinishReason::length);
  EXPECT_EQ(watched->end->counts.cloud(), 20);
}

TEST_F(WithoutLayers, ALostCloudEndsThemWithAnErrorThatMayPass) {
  const auto watched = world().generate(request_);
  world().when([&] { return watched->tokens.size() == 5; }, [&] { world().kill_cloud(); });
  world().time().advance(30s);
  EXPECT_GE(watched->tokens.size(), 5U);
  expect_failed(*watched, "connection");
  world().start_cloud();
  world().time().advance(1min);
  const auto next = world().generate(request_);
  world().time().advance(10s);
  EXPECT_EQ(next->end->counts.cloud(), 20);
}

TEST_F(WithoutLayers, ALateCloudDoesToo) {
  const auto watched = world().generate(request_);
  world().when([&] { return watched->tokens.size() == 5; },
               [&] { world().force_link(transport::LinkState::stall); });
  world().time().advance(3s);
  expect_failed(*watched, "the cloud was late");
}

TEST_F(WithoutLayers, NothingIsLeftOfThemOnTheCloud) {
  const auto watched = world().generate(request_);
  world().when([&] { return watched->tokens.size() == 5; }, [&] { world().leave(watched, false); });
  world().time().advance(10s);
  EXPECT_EQ(watched->end->reason, FinishReason::cancelled);
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 0);
  EXPECT_TRUE(world().link().uploads.empty());
}

}  // namespace
}  // namespace cecollm::actors
