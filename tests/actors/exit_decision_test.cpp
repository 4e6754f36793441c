#include "actors/exit_decision.hpp"

#include "tests/support/deterministic_system.hpp"

namespace cecollm::actors {
namespace {

/// What the exit decision said, to whom.
struct HeardDecisions {
  std::vector<ExitTaken> taken;
  std::vector<NoExitSure> not_sure;
  std::vector<AskLikely> likely;
  std::vector<Deepen> deepen;
};

generation_actor::behavior_type deciding_generation(generation_actor::pointer,
                                                    HeardDecisions* heard) {
  return {[heard](const ExitTaken& taken) { heard->taken.push_back(taken); },
          [heard](const NoExitSure& reading) { heard->not_sure.push_back(reading); },
          [heard](const AskLikely& likely) { heard->likely.push_back(likely); },
          [](const CloudAnswered&) {},
          [](const CloudFailed&) {},
          [](const UploadStopped&) {},
          [](const ModeChanged&) {},
          [](const RequestChanged&) {},
          [](const DeadlineBell&) {},
          [](const ComputeFailed&) {},
          [](const CancelGeneration&) {
          }};
}

shallow_compute_actor::behavior_type shallow_compute_that_hears(shallow_compute_actor::pointer,
                                                                HeardDecisions* heard) {
  return {[](const BeginSession&) {}, [](const Advance&) {},
          [heard](const Deepen& deepen) { heard->deepen.push_back(deepen); },
          [](const RunShallowStep&) {},
          [](const EndShallow&) {
            return ShallowEnded{};
          }};
}

class ExitDecisionActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    decisions_ = system_.spawn(exit_decision, &edge_metrics_);
    generation_ = system_.spawn(deciding_generation, &heard_);
    shallow_ = system_.spawn(shallow_compute_that_hears, &heard_);
    begin(false);
    run();
  }

  void begin(bool foretell) {
    caf::anon_send(decisions_, BeginDecisions{1, {{0.8F, 0.8F}}, generation_, foretell});
  }
  void read(std::size_t exit, float confidence, GenerationId generation = 1) {
    model::Reading reading;
    reading.token = 42;
    reading.confidence = confidence;
    caf::send_as(shallow_, decisions_, ExitRead{generation, 7, exit, reading});
    run();
  }

  HeardDecisions heard_;
  exit_decision_actor decisions_;
  generation_actor generation_;
  shallow_compute_actor shallow_;
};

TEST_F(ExitDecisionActor, GivesTheTokenOfASureExitToTheGeneration) {
  read(0, 0.9F);
  ASSERT_EQ(heard_.taken.size(), 1U);
  EXPECT_EQ(heard_.taken[0].position, 7);
  EXPECT_EQ(heard_.taken[0].reading.token, 42);
  EXPECT_TRUE(heard_.deepen.empty());
}

TEST_F(ExitDecisionActor, SendsShallowComputeDeeperWhereTheFirstExitIsNotSure) {
  read(0, 0.5F);
  ASSERT_EQ(heard_.deepen.size(), 1U);
  EXPECT_EQ(heard_.deepen[0].exit, 1U);
  EXPECT_TRUE(heard_.taken.empty());
}

TEST_F(ExitDecisionActor, TellsTheGenerationWhereNoExitIsSure) {
  read(1, 0.5F);
  ASSERT_EQ(heard_.not_sure.size(), 1U);
  EXPECT_EQ(heard_.not_sure[0].exit, 1U);
}

TEST_F(ExitDecisionActor, ForetellsAnAskWhereTheLastTokenThatBeganLikeThisWasAsked) {
  begin(true);
  read(0, 0.5F);
  EXPECT_TRUE(heard_.likely.empty());
  read(1, 0.5F);
  read(0, 0.5F);
  ASSERT_EQ(heard_.likely.size(), 1U);
  EXPECT_EQ(heard_.likely[0].position, 7);
  EXPECT_EQ(heard_.deepen.size(), 2U);
}

TEST_F(ExitDecisionActor, ForetellsNoAskWhereALaterExitWasSureLastTime) {
  begin(true);
  read(0, 0.5F);
  read(1, 0.9F);
  read(0, 0.5F);
  EXPECT_TRUE(heard_.likely.empty());
}

TEST_F(ExitDecisionActor, ForetellsNothingToAGenerationThatDoesNotWantIt) {
  for (int token = 0; token < 3; ++token) {
    read(0, 0.5F);
    read(1, 0.5F);
  }
  EXPECT_TRUE(heard_.likely.empty());
}

TEST_F(ExitDecisionActor, SaysNothingAboutAGenerationThatHasEnded) {
  caf::anon_send(decisions_, EndDecisions{1});
  read(0, 0.9F);
  EXPECT_TRUE(heard_.taken.empty());
}

TEST_F(ExitDecisionActor, SaysNothingAboutAGenerationItDoesNotKnow) {
  read(0, 0.9F, 99);
  EXPECT_TRUE(heard_.taken.empty());
}

TEST_F(ExitDecisionActor, CountsEveryConfidenceItSaw) {
  read(0, 0.5F);
  read(1, 0.9F);
  const auto& histogram = edge_metrics_.exit_confidence;
  EXPECT_EQ(histogram[0].Collect().histogram.sample_count, 1U);
  EXPECT_EQ(histogram[1].Collect().histogram.sample_count, 1U);
}

}  // namespace
}  // namespace cecollm::actors
