#include "policy/mode_controller.hpp"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

using testing::StartsWith;

LinkView lost() {
  return {};
}

LinkView link_of(double round_trip_ms, std::uint64_t samples = 100) {
  LinkView link;
  link.connected = true;
  link.cost = AskCost{ms(round_trip_ms), ms(0), ms(0)};
  link.samples = samples;
  return link;
}

ModeTransition transition(SupervisorState from, SupervisorState to, ModeReason reason) {
  return {from, to, reason};
}

ModeSettings pessimistic() {
  ModeSettings settings;
  settings.optimistic_start = false;
  return settings;
}

/// Drives a controller from collaborative to standalone at 10 s.
ModeController left_at_ten_seconds() {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_TRUE(controller.update(at(10000), lost()));
  return controller;
}

TEST(ModeController, BeginsInThePreferredModeOrAlone) {
  EXPECT_EQ(ModeController(ModeSettings{}, at(0)).state(), SupervisorState::collaborative);
  EXPECT_EQ(ModeController(pessimistic(), at(0)).state(), SupervisorState::standalone);
  ModeSettings cloud_only;
  cloud_only.preferred = Mode::cloud_only;
  EXPECT_EQ(ModeController(cloud_only, at(0)).mode(), Mode::cloud_only);
  EXPECT_EQ(ModeController(ModeSettings{}, at(0)).reason(), ModeReason::started);
}

TEST(ModeController, GivesTheFirstConnectionTheDwellTimeToComeUp) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_FALSE(controller.update(at(0), lost()));
  EXPECT_FALSE(controller.update(at(2999), lost()));
  EXPECT_FALSE(controller.update(at(2999), link_of(20)));
  EXPECT_EQ(controller.state(), SupervisorState::collaborative);
}

TEST(ModeController, GoesAloneWhenTheLinkIsLost) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_EQ(controller.update(at(10000), lost()),
            transition(SupervisorState::collaborative, SupervisorState::standalone,
                       ModeReason::link_lost));
  EXPECT_EQ(controller.mode(), Mode::standalone);
  EXPECT_EQ(controller.reason(), ModeReason::link_lost);
  EXPECT_EQ(controller.since(), at(10000));
}

TEST(ModeController, LeavesAboveTheUpperThresholdOnly) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_FALSE(controller.update(at(10000), link_of(150)));
  EXPECT_FALSE(controller.update(at(11000), link_of(200)));
  EXPECT_EQ(controller.update(at(12000), link_of(200.1))->reason, ModeReason::round_trip_high);
}

TEST(ModeController, BlamesTheCloudWhereTheTimeGoesThere) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(80);
  link.cost->cloud = ms(150);
  EXPECT_EQ(controller.update(at(10000), link)->reason, ModeReason::cloud_slow);
}

TEST(ModeController, IsPatientWithALongUploadButNotWithAUplinkThatCannotCarryTheRows) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(20);
  link.cost->uplink = ms(4000);
  EXPECT_FALSE(controller.update(at(10000), link));
  link.cost->uplink = ms(5001);
  EXPECT_EQ(controller.update(at(11000), link)->reason, ModeReason::uplink_saturated);
}

TEST(ModeController, LeavesWhenSeveralAsksExpiredInARow) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(20);
  link.expired_asks = 1;
  EXPECT_FALSE(controller.update(at(10000), link));
  link.expired_asks = 2;
  EXPECT_EQ(controller.update(at(10100), link)->reason, ModeReason::asks_expired);
}

TEST(ModeController, LeavesWhenPingsStayWithoutAnAnswer) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(20);
  link.ping_timeouts = 1;
  EXPECT_FALSE(controller.update(at(10000), link));
  link.ping_timeouts = 2;
  EXPECT_EQ(controller.update(at(10100), link)->reason, ModeReason::link_silent);
}

TEST(ModeController, DoesNotHoldExpiriesOfAnEarlierStayAgainstANewOne) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(20, 10);
  link.expired_asks = 3;
  ASSERT_TRUE(controller.update(at(10000), link));
  ASSERT_EQ(controller.update(at(20000), link)->to, SupervisorState::probing);
  link.samples = 15;
  ASSERT_EQ(controller.update(at(21000), link)->to, SupervisorState::collaborative);
  EXPECT_FALSE(controller.update(at(30000), link));
  link.expired_asks = 4;
  EXPECT_FALSE(controller.update(at(30100), link));
  link.expired_asks = 5;
  EXPECT_EQ(controller.update(at(30200), link)->reason, ModeReason::asks_expired);
}

TEST(ModeController, CountsExpiriesAnewAfterAnAnswer) {
  ModeController controller(ModeSettings{}, at(0));
  LinkView link = link_of(20, 10);
  link.expired_asks = 2;
  ASSERT_TRUE(controller.update(at(10000), link));
  ASSERT_TRUE(controller.update(at(20000), link));
  link.samples = 15;
  ASSERT_TRUE(controller.update(at(21000), link));
  link.expired_asks = 0;
  EXPECT_FALSE(controller.update(at(30000), link));
  link.expired_asks = 2;
  EXPECT_TRUE(controller.update(at(31000), link));
}

TEST(ModeController, StaysAtLeastTheDwellTime) {
  ModeSettings settings = pessimistic();
  ModeController controller(settings, at(0));
  ASSERT_EQ(controller.update(at(100), link_of(20, 0))->to, SupervisorState::probing);
  ASSERT_EQ(controller.update(at(200), link_of(20, 5))->to, SupervisorState::collaborative);
  EXPECT_FALSE(controller.update(at(300), lost()));
  EXPECT_FALSE(controller.update(at(3199), lost()));
  EXPECT_EQ(controller.next_update(), at(3200));
  EXPECT_TRUE(controller.update(at(3200), lost()));
}

TEST(ModeController, ForgetsATroubleThatEndedWithinTheDwellTime) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_FALSE(controller.update(at(1000), lost()));
  EXPECT_FALSE(controller.update(at(5000), link_of(20)));
  EXPECT_EQ(controller.state(), SupervisorState::collaborative);
}

TEST(ModeController, ProbesAtOnceAfterAPessimisticStart) {
  ModeController controller(pessimistic(), at(0));
  EXPECT_FALSE(controller.update(at(0), lost()));
  EXPECT_EQ(
      controller.update(at(50), link_of(20, 1)),
      transition(SupervisorState::standalone, SupervisorState::probing, ModeReason::probe_due));
  EXPECT_EQ(controller.mode(), Mode::standalone);
}

TEST(ModeController, ProbesAfterAPauseAndOnlyWhileConnected) {
  ModeController controller = left_at_ten_seconds();
  EXPECT_FALSE(controller.next_update());
  EXPECT_FALSE(controller.update(at(10500), link_of(20)));
  EXPECT_EQ(controller.next_update(), at(11000));
  EXPECT_FALSE(controller.update(at(12000), lost()));
  EXPECT_TRUE(controller.update(at(12500), link_of(20)));
  EXPECT_EQ(controller.state(), SupervisorState::probing);
}

TEST(ModeController, ReturnsWhenAProbeMeasuredEnoughGoodSamples) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(20000), link_of(20, 7)));
  EXPECT_FALSE(controller.update(at(20100), link_of(20, 11)));
  EXPECT_EQ(controller.update(at(20200), link_of(20, 12)),
            transition(SupervisorState::probing, SupervisorState::collaborative,
                       ModeReason::probe_passed));
}

TEST(ModeController, ReturnsToCloudOnlyWhereThatIsPreferred) {
  ModeSettings settings = pessimistic();
  settings.preferred = Mode::cloud_only;
  ModeController controller(settings, at(0));
  ASSERT_TRUE(controller.update(at(1), link_of(20, 0)));
  ASSERT_TRUE(controller.update(at(2), link_of(20, 5)));
  EXPECT_EQ(controller.mode(), Mode::cloud_only);
}

TEST(ModeController, KeepsCloudOnlyOnASlowLinkSinceItStreams) {
  ModeSettings settings;
  settings.preferred = Mode::cloud_only;
  ModeController controller(settings, at(0));
  EXPECT_FALSE(controller.update(at(10000), link_of(900)));
  EXPECT_EQ(controller.update(at(11000), lost())->reason, ModeReason::link_lost);
}

TEST(ModeController, DoesNotReturnBetweenTheThresholds) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(20000), link_of(150, 0)));
  EXPECT_EQ(
      controller.update(at(20500), link_of(150, 5)),
      transition(SupervisorState::probing, SupervisorState::standalone, ModeReason::probe_failed));
}

TEST(ModeController, DoesNotReturnToAnUplinkThatIsStillFull) {
  ModeController controller = left_at_ten_seconds();
  LinkView link = link_of(20, 0);
  link.cost->uplink = ms(6000);
  ASSERT_TRUE(controller.update(at(20000), link));
  link.samples = 5;
  EXPECT_EQ(controller.update(at(20500), link)->reason, ModeReason::probe_failed);
}

TEST(ModeController, FailsAProbeThatMeasuresTooLittleInTime) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(20000), link_of(20, 0)));
  EXPECT_EQ(controller.next_update(), at(23000));
  EXPECT_FALSE(controller.update(at(22999), link_of(20, 4)));
  EXPECT_EQ(controller.update(at(23000), link_of(20, 4))->reason, ModeReason::probe_failed);
}

TEST(ModeController, FailsAProbeWhoseConnectionBreaks) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(20000), link_of(20, 0)));
  EXPECT_EQ(controller.update(at(20001), lost())->reason, ModeReason::probe_failed);
}

TEST(ModeController, CountsOnlyNewSamplesOfAnotherConnection) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(20000), link_of(20, 100)));
  EXPECT_FALSE(controller.update(at(20100), link_of(20, 3)));
  EXPECT_TRUE(controller.update(at(20200), link_of(20, 5)));
  EXPECT_EQ(controller.state(), SupervisorState::collaborative);
}

TEST(ModeController, FinishesAProbeEarlyButWaitsForTheDwellTime) {
  ModeController controller = left_at_ten_seconds();
  ASSERT_TRUE(controller.update(at(11000), link_of(20, 0)));
  EXPECT_FALSE(controller.update(at(11500), link_of(20, 5)));
  EXPECT_EQ(controller.next_update(), at(13000));
  EXPECT_EQ(controller.update(at(13000), link_of(20, 6))->to, SupervisorState::collaborative);
}

TEST(ModeController, DoublesThePauseBetweenFailingProbesUpToItsMaximum) {
  ModeController controller = left_at_ten_seconds();
  double now = 10000.0;
  for (const double pause : {1000.0, 2000.0, 4000.0, 8000.0, 15000.0, 15000.0}) {
    EXPECT_FALSE(controller.update(at(now + pause - 1.0), link_of(500, 0)));
    now += pause;
    ASSERT_EQ(controller.update(at(now), link_of(500, 0))->to, SupervisorState::probing);
    now += 500.0;
    ASSERT_EQ(controller.update(at(now), link_of(500, 5))->to, SupervisorState::standalone);
  }
}

TEST(ModeController, ForgetsTheBackOffOnlyAfterAStableStay) {
  ModeController controller = left_at_ten_seconds();  // the next pause would be 2 s
  const auto come_back = [&](double now) {
    ASSERT_TRUE(controller.update(at(now), link_of(20, 0)));
    ASSERT_TRUE(controller.update(at(now + 2500), link_of(20, 5)));
    ASSERT_EQ(controller.state(), SupervisorState::collaborative);
  };
  come_back(20000);
  ASSERT_TRUE(controller.update(at(26000), lost()));  // a short stay
  EXPECT_FALSE(controller.update(at(27999), link_of(20, 0)));
  come_back(28000);
  ASSERT_TRUE(controller.update(at(65000), lost()));  // a long one
  come_back(66000);
}

TEST(ModeController, HoldsAForcedModeWhateverTheLinkDoes) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_EQ(
      controller.force(at(100), Mode::standalone),
      transition(SupervisorState::collaborative, SupervisorState::standalone, ModeReason::forced));
  EXPECT_TRUE(controller.forced());
  EXPECT_FALSE(controller.update(at(100000), link_of(1, 1000)));
  EXPECT_FALSE(controller.next_update());
  EXPECT_TRUE(controller.force(at(100001), Mode::collaborative));
  EXPECT_FALSE(controller.update(at(200000), lost()));
  EXPECT_EQ(controller.mode(), Mode::collaborative);
  EXPECT_TRUE(controller.force(at(200001), Mode::cloud_only));
  EXPECT_FALSE(controller.force(at(200002), Mode::cloud_only));
}

TEST(ModeController, ProbesSoonAfterAForcedStandaloneIsLifted) {
  ModeController controller(ModeSettings{}, at(0));
  controller.force(at(100), Mode::standalone);
  EXPECT_FALSE(controller.force(at(50000), std::nullopt));
  EXPECT_FALSE(controller.forced());
  EXPECT_EQ(controller.update(at(50000), link_of(20, 0))->to, SupervisorState::probing);
}

TEST(ModeController, LeavesAForcedModeThatIsNotPreferredWhenItIsLifted) {
  ModeController controller(ModeSettings{}, at(0));
  controller.force(at(100), Mode::cloud_only);
  EXPECT_EQ(controller.force(at(200), std::nullopt),
            transition(SupervisorState::cloud_only, SupervisorState::collaborative,
                       ModeReason::force_lifted));
}

TEST(ModeController, GoesAloneAtOnceWhenTheBudgetIsSpentAndStaysThere) {
  ModeController controller(pessimistic(), at(0));
  ASSERT_TRUE(controller.update(at(100), link_of(20, 0)));
  ASSERT_TRUE(controller.update(at(200), link_of(20, 5)));
  LinkView spent = link_of(20, 6);
  spent.budget_exhausted = true;
  EXPECT_EQ(controller.update(at(300), spent)->reason, ModeReason::budget_spent);
  EXPECT_FALSE(controller.update(at(100000), spent));
  EXPECT_FALSE(controller.next_update());
  EXPECT_EQ(controller.update(at(100001), link_of(20, 7))->to, SupervisorState::probing);
}

TEST(ModeController, StopsAProbeWhenTheBudgetIsSpent) {
  ModeController controller(pessimistic(), at(0));
  ASSERT_TRUE(controller.update(at(100), link_of(20, 0)));
  LinkView spent = link_of(20, 5);
  spent.budget_exhausted = true;
  EXPECT_EQ(controller.update(at(200), spent)->to, SupervisorState::standalone);
}

TEST(ModeController, LetsASpentBudgetOverruleAForcedMode) {
  ModeController controller(ModeSettings{}, at(0));
  controller.force(at(0), Mode::collaborative);
  LinkView spent = link_of(20);
  spent.budget_exhausted = true;
  EXPECT_EQ(controller.update(at(100), spent)->reason, ModeReason::budget_spent);
  EXPECT_FALSE(controller.force(at(150), Mode::cloud_only));
  EXPECT_EQ(controller.mode(), Mode::standalone);
  EXPECT_EQ(
      controller.update(at(200), link_of(20)),
      transition(SupervisorState::standalone, SupervisorState::cloud_only, ModeReason::forced));
}

TEST(ModeController, NeverProbesWhereStandaloneIsPreferred) {
  ModeSettings settings;
  settings.preferred = Mode::standalone;
  ModeController controller(settings, at(0));
  EXPECT_FALSE(controller.update(at(100000), link_of(1, 1000)));
  EXPECT_FALSE(controller.next_update());
}

TEST(ModeController, TakesNewThresholdsAtTheNextUpdate) {
  ModeController controller(ModeSettings{}, at(0));
  EXPECT_FALSE(controller.update(at(10000), link_of(60)));
  ModeSettings stricter;
  stricter.enter_below = ms(20);
  stricter.leave_above = ms(50);
  EXPECT_FALSE(controller.configure(at(10001), stricter));
  EXPECT_TRUE(controller.update(at(10002), link_of(60)));
}

TEST(ModeController, FollowsANewPreferredMode) {
  ModeController controller(ModeSettings{}, at(0));
  ModeSettings settings;
  settings.preferred = Mode::cloud_only;
  EXPECT_EQ(controller.configure(at(100), settings)->reason, ModeReason::configured);
  EXPECT_EQ(controller.mode(), Mode::cloud_only);
  settings.preferred = Mode::standalone;
  EXPECT_TRUE(controller.configure(at(200), settings));
  EXPECT_EQ(controller.mode(), Mode::standalone);
  settings.preferred = Mode::collaborative;
  EXPECT_FALSE(controller.configure(at(300), settings));
  EXPECT_EQ(controller.update(at(300), link_of(20, 0))->to, SupervisorState::probing);
}

TEST(ModeController, ShortensAPauseThatNewSettingsNoLongerAllow) {
  ModeController controller = left_at_ten_seconds();
  for (double now = 20000.0; now < 200000.0; now += 20000.0) {  // back-off to its maximum
    ASSERT_TRUE(controller.update(at(now), link_of(500, 0)));
    ASSERT_TRUE(controller.update(at(now + 500.0), link_of(500, 5)));
  }
  ModeSettings settings;
  settings.maximum_probe_interval = ms(2000);
  EXPECT_FALSE(controller.configure(at(181000), settings));
  EXPECT_FALSE(controller.update(at(182999), link_of(500, 0)));
  ASSERT_TRUE(controller.update(at(183000), link_of(500, 0)));
  ASSERT_TRUE(controller.update(at(183500), link_of(500, 5)));
  EXPECT_FALSE(controller.update(at(185499), link_of(500, 0)));
  EXPECT_TRUE(controller.update(at(185500), link_of(500, 0)));
}

TEST(ModeController, StopsAProbeWhereStandaloneBecomesPreferred) {
  ModeController controller(pessimistic(), at(0));
  ASSERT_TRUE(controller.update(at(100), link_of(20, 0)));
  ModeSettings settings;
  settings.preferred = Mode::standalone;
  EXPECT_EQ(controller.configure(at(200), settings)->to, SupervisorState::standalone);
}

TEST(ModeController, KeepsAForcedModeThroughNewSettings) {
  ModeController controller(ModeSettings{}, at(0));
  controller.force(at(0), Mode::cloud_only);
  EXPECT_FALSE(controller.configure(at(100), ModeSettings{}));
  EXPECT_EQ(controller.mode(), Mode::cloud_only);
}

TEST(ModeSettings, NameWhatIsWrong) {
  EXPECT_FALSE(problem_with(ModeSettings{}));
  const auto with = [](auto change) {
    ModeSettings settings;
    change(settings);
    return problem_with(settings).value_or("");
  };
  EXPECT_THAT(with([](auto& s) { s.enter_below = ms(0); }), StartsWith("enter_below"));
  EXPECT_THAT(with([](auto& s) { s.leave_above = ms(99); }), StartsWith("enter_below must not"));
  EXPECT_THAT(with([](auto& s) { s.maximum_uplink_delay = ms(-1); }),
              StartsWith("maximum_uplink_delay"));
  EXPECT_THAT(with([](auto& s) { s.minimum_dwell = ms(-1); }), StartsWith("minimum_dwell"));
  EXPECT_THAT(with([](auto& s) { s.stable_after = ms(-1); }), StartsWith("stable_after"));
  EXPECT_THAT(with([](auto& s) { s.expired_asks = 0; }), StartsWith("expired_asks"));
  EXPECT_THAT(with([](auto& s) { s.ping_timeouts = 0; }), StartsWith("ping_timeouts"));
  EXPECT_THAT(with([](auto& s) { s.probe_samples = 0; }), StartsWith("probe_samples"));
  EXPECT_THAT(with([](auto& s) { s.probe_samples = 50; }), StartsWith("probe_timeout"));
  EXPECT_THAT(with([](auto& s) { s.probe_timeout = ms(0); }), StartsWith("probe_timeout"));
  EXPECT_THAT(with([](auto& s) { s.probe_ping_interval = ms(0); }),
              StartsWith("probe_ping_interval"));
  EXPECT_THAT(with([](auto& s) { s.maximum_probe_interval = ms(10); }),
              StartsWith("probe_interval"));
}

TEST(ModeReason, HasAReadableNameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < all_mode_reasons.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(all_mode_reasons[i]), i);
    EXPECT_THAT(std::string(name_of(all_mode_reasons[i])), testing::MatchesRegex("[a-z-]+"));
    EXPECT_NE(name_of(all_mode_reasons[i]), "unknown");
    names.insert(name_of(all_mode_reasons[i]));
  }
  EXPECT_EQ(names.size(), all_mode_reasons.size());
}

TEST(SupervisorState, HasNamesThatAgreeWithTheModes) {
  for (std::size_t i = 0; i < all_supervisor_states.size(); ++i) {
    const SupervisorState state = all_supervisor_states[i];
    EXPECT_EQ(static_cast<std::size_t>(state), i);
    const bool is_probing = state == SupervisorState::probing;
    EXPECT_EQ(name_of(state), is_probing ? "probing" : name_of(mode_of(state)));
  }
  EXPECT_EQ(mode_of(SupervisorState::probing), Mode::standalone);
}

}  // namespace
}  // namespace cecollm::policy
