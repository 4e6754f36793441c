// A generation that asks the cloud before its last exit was read, between actors that say what the
// test has them say.

#include <gmock/gmock.h>

#include "actors/generation.hpp"
#include "tests/support/deterministic_system.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t position = 3;  // of the first token
constexpr model::TokenId of_exit = 7;
constexpr model::TokenId of_cloud = 9;

/// What the generation told the others.
struct AskAheadHeard {
  std::vector<AskCloud> asks;
  std::vector<WithdrawAsk> withdrawn;
  std::vector<AbandonAsk> abandoned;
  std::vector<TokenEvent> tokens;
  std::optional<GenerationFinished> end;
};

/// The other actors of the edge, all in one.
caf::behavior rest_of_the_edge(caf::event_based_actor* self, AskAheadHeard* heard) {
  // caf::drop would answer with an error.
  self->set_default_handler([](caf::scheduled_actor*, caf::message_view&) {
    return caf::result<caf::message>(caf::message{});
  });
  return {
      [heard](const AskCloud& ask) { heard->asks.push_back(ask); },
      [heard](const WithdrawAsk& ask) { heard->withdrawn.push_back(ask); },
      [heard](const AbandonAsk& ask) { heard->abandoned.push_back(ask); },
      [](const EndShallow&) { return ShallowEnded{}; },
      [](const CloseUpload&) { return UploadStats{}; },
      [heard](const TokenEvent& token) { heard->tokens.push_back(token); },
      [heard](const GenerationFinished& end) { heard->end = end; },
  };
}

class AskAhead : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    rest_ = system_.spawn(rest_of_the_edge, &heard_);
    GenerationSetting setting;
    setting.id = 1;
    setting.shallow = caf::actor_cast<shallow_compute_actor>(rest_);
    setting.decisions = caf::actor_cast<exit_decision_actor>(rest_);
    setting.link = caf::actor_cast<cloud_link_actor>(rest_);
    setting.max_positions = 100;
    setting.mode = policy::Mode::collaborative;
    setting.metrics = &edge_metrics_;
    setting.detached = false;
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>{4, 5, 6};
    request.thresholds = {{0.8F, 0.8F}};
    request.ignore_eos = true;
    request.max_tokens = 2;
    request.ask_ahead = true;
    request.token_deadline = request.first_token_deadline = 100ms;
    generation_ = system_.spawn(generation, std::move(setting), std::move(request), rest_);
    run();
  }
  void TearDown() override {
    tell(CancelGeneration{});
    caf::anon_send_exit(rest_, caf::exit_reason::user_shutdown);
    run();
    EXPECT_TRUE(heard_.end);
  }

  template <class Message>
  void tell(Message message) {
    caf::anon_send(generation_, std::move(message));
    run();
  }
  static model::Reading reading(model::TokenId token) {
    model::Reading reading;
    reading.token = token;
    return reading;
  }
  void foretell() { tell(AskLikely{position}); }
  void last_exit_is_sure() { tell(ExitTaken{position, 1, reading(of_exit)}); }
  void last_exit_is_not_sure() { tell(NoExitSure{position, 1, reading(of_exit)}); }
  void cloud_answers() { tell(CloudAnswered{position, reading(of_cloud), 1ms, 2ms, false}); }
  void link_asks_nothing() { tell(CloudFailed{position, "not now", false, true}); }
  std::vector<model::TokenId> ids() const {
    std::vector<model::TokenId> ids;
    for (const auto& token : heard_.tokens) ids.push_back(token.token);
    return ids;
  }

  AskAheadHeard heard_;
  caf::actor rest_;
  generation_actor generation_;
};

TEST_F(AskAhead, AsksAtOnceAndNotAgainBehindTheLastExit) {
  foretell();
  ASSERT_THAT(heard_.asks, SizeIs(1));
  EXPECT_EQ(heard_.asks[0].position, position);
  EXPECT_TRUE(heard_.asks[0].ahead);
  last_exit_is_not_sure();
  EXPECT_THAT(heard_.asks, SizeIs(1));
  cloud_answers();
  EXPECT_THAT(ids(), ElementsAre(of_cloud));
}

TEST_F(AskAhead, TakesAnAnswerThatCameBeforeTheLastExitWithoutAWait) {
  foretell();
  advance(20ms);
  cloud_answers();
  EXPECT_THAT(ids(), IsEmpty());
  advance(30ms);
  last_exit_is_not_sure();
  ASSERT_THAT(ids(), ElementsAre(of_cloud));
  ASSERT_TRUE(heard_.tokens[0].ask);
  EXPECT_EQ(heard_.tokens[0].ask->wait, 0ms);
  EXPECT_EQ(heard_.tokens[0].ask->trip, 20ms);
}

TEST_F(AskAhead, WithdrawsItsAskWhereTheLastExitIsSure) {
  foretell();
  last_exit_is_sure();
  EXPECT_THAT(ids(), ElementsAre(of_exit));
  ASSERT_THAT(heard_.withdrawn, SizeIs(1));
  EXPECT_EQ(heard_.withdrawn[0].position, position);
  EXPECT_EQ(edge_metrics_.asks_in_vain.Value(), 1);
}

TEST_F(AskAhead, HasNothingToWithdrawWhereTheAnswerIsThere) {
  foretell();
  cloud_answers();
  last_exit_is_sure();
  EXPECT_THAT(ids(), ElementsAre(of_exit));
  EXPECT_THAT(heard_.withdrawn, IsEmpty());
  EXPECT_EQ(edge_metrics_.asks_in_vain.Value(), 1);
}

TEST_F(AskAhead, AsksBehindTheLastExitWhereTheLinkAskedNothingAhead) {
  foretell();
  link_asks_nothing();
  last_exit_is_not_sure();
  ASSERT_THAT(heard_.asks, SizeIs(2));
  EXPECT_FALSE(heard_.asks[1].ahead);
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(AskAhead, AsksAgainWithoutAWarningWhereTheLinksRefusalCrossesTheLastExit) {
  foretell();  // and in no time
  last_exit_is_not_sure();
  link_asks_nothing();
  ASSERT_THAT(heard_.asks, SizeIs(2));
  EXPECT_FALSE(heard_.asks[1].ahead);
  cloud_answers();
  EXPECT_THAT(ids(), ElementsAre(of_cloud));
  tell(CancelGeneration{});
  ASSERT_TRUE(heard_.end);
  EXPECT_EQ(heard_.end->warning, "");
}

TEST_F(AskAhead, DoesNotWarnOfARefusalThatComesAfterItsToken) {
  foretell();
  last_exit_is_sure();
  link_asks_nothing();
  tell(CancelGeneration{});
  ASSERT_TRUE(heard_.end);
  EXPECT_EQ(heard_.end->warning, "");
}

TEST_F(AskAhead, FallsBackWhereThatAskIsRefusedToo) {
  foretell();
  last_exit_is_not_sure();
  link_asks_nothing();
  link_asks_nothing();
  EXPECT_THAT(ids(), ElementsAre(of_exit));
  ASSERT_TRUE(heard_.tokens[0].ask);
  EXPECT_EQ(heard_.tokens[0].ask->outcome, monitoring::AskOutcome::skipped);
}

TEST_F(AskAhead, CountsATokensDeadlineFromTheLastExitOn) {
  foretell();
  advance(90ms);
  last_exit_is_not_sure();
  advance(99ms);
  EXPECT_THAT(ids(), IsEmpty());
  advance(1ms);
  EXPECT_THAT(ids(), ElementsAre(of_exit));
  EXPECT_THAT(heard_.abandoned, SizeIs(1));
}

TEST_F(AskAhead, WithdrawsItsAskWhereTheEdgeGoesAlone) {
  foretell();
  tell(ModeChanged{policy::Mode::standalone, policy::ModeReason::forced});
  last_exit_is_not_sure();
  EXPECT_THAT(ids(), ElementsAre(of_exit));
  EXPECT_THAT(heard_.withdrawn, SizeIs(1));
}

}  // namespace
}  // namespace cecollm::actors
