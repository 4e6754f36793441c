// A request that goes on with the text of an earlier one, on the test clock.

#include "actors/conversations.hpp"

#include <gmock/gmock.h>

#include "actors/shallow_compute.hpp"
#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;
using Ids = std::vector<model::TokenId>;

class ConversationsOverALink : public ::testing::Test {
 protected:
  ConversationsOverALink() {
    options_.conversations = {8, 1U << 20U, 5min};
    options_.link = *transport::parse_link_spec("rtt=20ms");
    request_.thresholds.values = {0.7F, 0.9F};
    request_.max_tokens = 20;
    request_.ignore_eos = true;
  }

  MemoryWorld& world() {
    if (!world_) {
      world_.emplace(options_);
      world_->time().advance(1s);
    }
    return *world_;
  }
  std::shared_ptr<tests::Watched> generate(Ids prompt) {
    request_.prompt = std::move(prompt);
    auto watched = world().generate(request_);
    world().time().advance(10s);
    tests::expect_complete_in_time(*watched, options_.model.config);
    tests::expect_right_tokens(options_.model, *watched);
    return watched;
  }
  static Ids text_of(const tests::Watched& watched) {
    auto ids = std::get<Ids>(watched.request.prompt);
    for (const auto& token : watched.tokens) ids.push_back(token.event.token);
    return ids;
  }
  /// Prompt and output, and what the user says then.
  static Ids and_then(const tests::Watched& watched, const Ids& more) {
    auto ids = text_of(watched);
    ids.insert(ids.end(), more.begin(), more.end());
    return ids;
  }
  double received() { return world().cloud_metrics().rows_received.Value(); }
  double resumed() { return world().edge_metrics().conversations_resumed.Value(); }

  MemoryWorld::Options options_;
  GenerationRequest request_;
  std::optional<MemoryWorld> world_;
};

TEST_F(ConversationsOverALink, GoOnWhereTheyStoppedAndSendOnlyNewRows) {
  const auto first = generate({5, 6, 7});
  const auto second = generate(and_then(*first, {8, 9, 10}));
  EXPECT_EQ(second->end->resumed_tokens, 3 + 20 - 1);
  EXPECT_EQ(second->end->upload.rows_up, 1U + 3U + 20U - 1U) << "the last token had no row yet";
  EXPECT_EQ(second->end->upload.rows_resent, 0U);
  EXPECT_EQ(received(), 3 + 20 + 3 + 20 - 1);
  EXPECT_GT(second->end->counts.cloud(), 0);
  const auto third = generate(and_then(*second, {11}));
  EXPECT_EQ(third->end->resumed_tokens, 3 + 20 + 3 + 20 - 1);
  EXPECT_EQ(received(), 3 + 20 + 3 + 20 + 1 + 20 - 1);
  EXPECT_EQ(resumed(), 2);
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 1);
  EXPECT_EQ(world().cloud_metrics().rebuilds.Value(), 0);
}

TEST_F(ConversationsOverALink, GiveTheTokensOfAFreshRequestWhateverTheSamplingBecomes) {
  request_.thresholds.values = {0.5F, 2.0F};
  auto last = generate({5, 6, 7});
  for (int turn = 1; turn < 6; ++turn) {
    auto& sampling = request_.sampling;
    sampling.seed = static_cast<std::uint64_t>(turn);
    sampling.temperature = turn % 2 == 0 ? 1.3F : 0.0F;
    sampling.repetition_penalty = turn % 3 == 0 ? 1.0F : 1.4F;
    sampling.presence_penalty = turn % 3 == 1 ? 0.8F : 0.0F;
    SCOPED_TRACE("turn " + std::to_string(turn));
    last = generate(and_then(*last, {8, 9}));
    EXPECT_GT(last->end->resumed_tokens, 20);
    EXPECT_GT(last->end->counts.cloud(), 0);
  }
}

TEST_F(ConversationsOverALink, GiveUpAFewRowsWhereTheTextDiffersAtItsEnd) {
  const auto first = generate({5, 6, 7});
  auto prompt = text_of(*first);
  prompt.resize(prompt.size() - 5);
  prompt.push_back(prompt.back() == 40 ? 41 : 40);
  for (int i = 0; i < 12; ++i) prompt.push_back(9 + i);
  request_.thresholds.values = {2.0F, 2.0F};
  const auto second = generate(prompt);
  EXPECT_GT(second->end->resumed_tokens, 15);
  EXPECT_LT(second->end->resumed_tokens, 3 + 20 - 1);
  EXPECT_EQ(second->end->counts.cloud(), 20);
  EXPECT_EQ(second->end->upload.rows_up + static_cast<std::uint64_t>(second->end->resumed_tokens),
            prompt.size() + 20 - 1);
}

TEST_F(ConversationsOverALink, BelongToTheirOwner) {
  request_.owner = "anna";
  const auto first = generate({5, 6, 7});
  request_.owner = "bert";
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 0);
  request_.owner.clear();
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 0);
  request_.owner = "anna";
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 3 + 20 - 1);
}

TEST_F(ConversationsOverALink, AreTakenByOneOfTwoRequestsAndTheOtherStartsFresh) {
  const auto first = generate({5, 6, 7});
  request_.prompt = and_then(*first, {8});
  const auto one = world().generate(request_);
  const auto other = world().generate(request_);
  world().time().advance(10s);
  for (const auto& watched : {one, other}) {
    tests::expect_complete_in_time(*watched, options_.model.config);
    tests::expect_right_tokens(options_.model, *watched);
  }
  EXPECT_EQ(one->end->resumed_tokens + other->end->resumed_tokens, 3 + 20 - 1);
  EXPECT_EQ(resumed(), 1);
}

TEST_F(ConversationsOverALink, BringACloudThatWasReplacedToTheSameState) {
  const auto first = generate({5, 6, 7});
  world().kill_cloud();
  world().start_cloud();
  world().time().advance(30s);
  request_.thresholds.values = {2.0F, 2.0F};
  const auto second = generate(and_then(*first, {8, 9}));
  EXPECT_EQ(second->end->counts.cloud(), 20);
  EXPECT_EQ(second->end->upload.rows_resent, 3U + 20U - 1U);
  EXPECT_EQ(received(), 3 + 20 + 2 + 20 - 1);
}

TEST_F(ConversationsOverALink, SendAllRowsAgainToACloudThatDroppedTheContext) {
  options_.context_ttl = 2s;
  const auto first = generate({5, 6, 7});
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 0);
  request_.thresholds.values = {2.0F, 2.0F};
  const auto second = generate(and_then(*first, {8, 9}));
  EXPECT_EQ(second->end->counts.cloud(), 20);
  EXPECT_EQ(second->end->upload.rows_resent, 3U + 20U - 1U);
}

TEST_F(ConversationsOverALink, OutliveALostConnection) {
  const auto first = generate({5, 6, 7});
  world().reset_link();
  world().time().advance(30s);
  request_.thresholds.values = {2.0F, 2.0F};
  const auto second = generate(and_then(*first, {8, 9}));
  EXPECT_EQ(second->end->counts.cloud(), 20);
  EXPECT_EQ(second->end->upload.rows_resent, 0U) << "the cloud had them still";
}

TEST_F(ConversationsOverALink, GoOnWithoutACloudAndCatchUpWithItLater) {
  const auto first = generate({5, 6, 7});
  world().force_link(transport::LinkState::outage);
  request_.thresholds.values = {2.0F, 2.0F};
  request_.token_deadline = request_.first_token_deadline = 100ms;
  const auto alone = generate(and_then(*first, {8}));
  EXPECT_EQ(alone->end->counts.fallback(), 20);
  world().force_link(transport::LinkState::up);
  world().time().advance(30s);
  const auto last = generate(and_then(*alone, {9}));
  EXPECT_EQ(last->end->counts.cloud(), 20);
  EXPECT_EQ(last->end->resumed_tokens, 3 + 20 + 1 + 20 - 1);
}

TEST_F(ConversationsOverALink, StartAnewOnACloudThatKnowsNothingOfThem) {
  options_.cloud_resumes = false;
  const auto first = generate({5, 6, 7});
  request_.thresholds.values = {2.0F, 2.0F};
  request_.sampling.temperature = 1.5F;
  request_.sampling.seed = 9;
  const auto second = generate(and_then(*first, {8, 9}));
  EXPECT_EQ(second->end->counts.cloud(), 20);
  EXPECT_EQ(second->end->upload.rows_resent, 3U + 20U - 1U);
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 1);
}

TEST_F(ConversationsOverALink, StayOnTheEdgeWhereTheRequestDoes) {
  request_.mode = policy::Mode::standalone;
  const auto first = generate({5, 6, 7});
  const auto second = generate(and_then(*first, {8, 9}));
  EXPECT_EQ(second->end->resumed_tokens, 3 + 20 - 1);
  EXPECT_LE(first->end->compute.edge_layer_rows + second->end->compute.edge_layer_rows,
            (3 + 20 + 2 + 20 - 1) * 6)
      << "no row went through a layer twice";
  request_.mode = policy::Mode::collaborative;
  EXPECT_EQ(generate(and_then(*second, {8}))->end->resumed_tokens, 0)
      << "its rows have never been made for the link";
  EXPECT_EQ(resumed(), 1);
}

TEST_F(ConversationsOverALink, ArePutAsideInBoundedNumberTheLongestUnusedFirst) {
  options_.conversations.max_kept = 1;
  const auto first = generate({5, 6, 7});
  const auto other = generate({9, 9, 9});
  EXPECT_EQ(world().edge_metrics().conversations_dropped.Value(), 1);
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 1);
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 0);
}

TEST_F(ConversationsOverALink, ArePutAsideInBoundedMemory) {
  options_.conversations.max_bytes = 100;
  generate({5, 6, 7});
  EXPECT_EQ(world().edge_metrics().conversations_kept.Value(), 0);
  EXPECT_EQ(world().edge_metrics().conversation_bytes.Value(), 0);
  EXPECT_EQ(world().edge_metrics().retained_row_bytes.Value(), 0);
  EXPECT_EQ(world().edge_metrics().kv_bytes.Value(), 0);
}

TEST_F(ConversationsOverALink, LeaveNothingBehindOnceTheirTimeIsOver) {
  const auto first = generate({5, 6, 7});
  EXPECT_EQ(world().edge_metrics().conversations_kept.Value(), 1);
  EXPECT_GT(world().edge_metrics().conversation_bytes.Value(), 0);
  EXPECT_GT(world().edge_metrics().kv_bytes.Value(), 0);
  world().time().advance(5min);
  EXPECT_EQ(world().edge_metrics().conversations_kept.Value(), 0);
  EXPECT_EQ(world().edge_metrics().conversation_bytes.Value(), 0);
  EXPECT_EQ(world().edge_metrics().kv_bytes.Value(), 0);
  EXPECT_EQ(world().edge_metrics().retained_row_bytes.Value(), 0);
  EXPECT_TRUE(world().link().uploads.empty());
  EXPECT_TRUE(tests::state_of<ShallowComputeState>(world().edge().shallow).sessions.empty());
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 0);
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 0);
}

TEST_F(ConversationsOverALink, MakeRoomForTheRowsOfGenerations) {
  constexpr std::size_t row_size = 16U * 4U;
  options_.max_kept_bytes = 50 * row_size;
  const auto first = generate({5, 6, 7});
  const auto other = generate(Ids(20, 9));
  EXPECT_EQ(other->end->warning, "");
  EXPECT_EQ(generate(and_then(*first, {8}))->end->resumed_tokens, 0);
}

TEST_F(ConversationsOverALink, TakeNoPartOfTheWindow) {
  constexpr std::size_t row_size = 16U * 4U;
  options_.acknowledge_bytes = options_.window_bytes = 10 * row_size;
  options_.conversations.max_kept = 20;
  request_.thresholds.values = {2.0F, 2.0F};
  request_.max_tokens = 3;
  for (int i = 0; i < 20; ++i) {
    const auto watched = generate({9, 10 + i, 7});
    EXPECT_EQ(watched->end->counts.cloud(), 3) << "generation " << i;
  }
}

TEST_F(ConversationsOverALink, AreNotLeftByGenerationsThatWereCancelled) {
  request_.prompt = Ids{5, 6, 7};
  const auto watched = world().generate(request_);
  world().when([&] { return watched->id && watched->tokens.size() == 5; },
               [&] { world().leave(watched, false); });
  world().time().advance(10s);
  EXPECT_EQ(watched->end->reason, FinishReason::cancelled);
  EXPECT_EQ(world().edge_metrics().conversations_kept.Value(), 0);
  EXPECT_EQ(world().edge_metrics().kv_bytes.Value(), 0);
}

TEST_F(ConversationsOverALink, AreFreedWhereTheirNextRequestIsCancelledAtOnce) {
  const auto first = generate({5, 6, 7});
  request_.prompt = and_then(*first, {8});
  for (const bool hangs_up : {false, true}) {
    const auto watched = world().generate(request_);
    world().when([&] { return watched->id.has_value(); },
                 [&] { world().leave(watched, hangs_up); });
    world().time().advance(10s);
    EXPECT_TRUE(watched->gone);
  }
  world().time().advance(5min);
  EXPECT_EQ(world().edge_metrics().kv_bytes.Value(), 0);
  EXPECT_TRUE(world().link().uploads.empty());
  EXPECT_TRUE(tests::state_of<ShallowComputeState>(world().edge().shallow).sessions.empty());
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 0);
}

TEST_F(ConversationsOverALink, EndWithTheirEdge) {
  generate({5, 6, 7});
  world().shut_edges_down();
  world().time().advance(2min);
  EXPECT_EQ(world().cloud_metrics().contexts.Value(), 0);
  EXPECT_EQ(world().cloud_metrics().connections.Value(), 0);
}

}  // namespace
}  // namespace cecollm::actors
