#include "policy/reconnect.hpp"

#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

ReconnectSettings plain() {
  ReconnectSettings settings;
  settings.jitter = 0.0;
  return settings;
}

TEST(ReconnectDelay, DoublesUpToItsMaximum) {
  EXPECT_EQ(reconnect_delay(plain(), 1, 0.0), ms(200));
  EXPECT_EQ(reconnect_delay(plain(), 2, 0.0), ms(400));
  EXPECT_EQ(reconnect_delay(plain(), 6, 0.0), ms(6400));
  EXPECT_EQ(reconnect_delay(plain(), 7, 0.0), ms(10000));
  EXPECT_EQ(reconnect_delay(plain(), std::numeric_limits<int>::max(), 0.0), ms(10000));
}

TEST(ReconnectDelay, IsShortenedByTheRandomShare) {
  const ReconnectSettings settings;  // jitter 0.5
  EXPECT_EQ(reconnect_delay(settings, 2, 0.0), ms(400));
  EXPECT_EQ(reconnect_delay(settings, 2, 0.5), ms(300));
  EXPECT_GT(reconnect_delay(settings, 2, 0.999), ms(200));
}

TEST(ReconnectDelay, StaysWithinItsBoundsForAnyFailuresAndRandomness) {
  std::mt19937 generator(1);
  std::uniform_int_distribution<int> failures(-3, 5000);
  std::uniform_real_distribution<double> random(0.0, 1.0);
  const ReconnectSettings settings;
  for (int i = 0; i < 10000; ++i) {
    const Duration delay = reconnect_delay(settings, failures(generator), random(generator));
    ASSERT_GE(delay, ms(100));
    ASSERT_LE(delay, ms(10000));
  }
}

TEST(ReconnectSettings, NameWhatIsWrong) {
  EXPECT_FALSE(problem_with(ReconnectSettings{}));
  const auto with = [](auto change) {
    ReconnectSettings settings;
    change(settings);
    return problem_with(settings).value_or("");
  };
  using testing::StartsWith;
  EXPECT_THAT(with([](auto& s) { s.initial = ms(0); }), StartsWith("initial"));
  EXPECT_THAT(with([](auto& s) { s.maximum = ms(1); }), StartsWith("maximum"));
  EXPECT_THAT(with([](auto& s) { s.multiplier = 0.5; }), StartsWith("multiplier"));
  EXPECT_THAT(with([](auto& s) { s.multiplier = std::numeric_limits<double>::quiet_NaN(); }),
              StartsWith("multiplier"));
  EXPECT_THAT(with([](auto& s) { s.jitter = 1.5; }), StartsWith("jitter"));
  EXPECT_THAT(with([](auto& s) { s.stable_after = ms(-1); }), StartsWith("stable_after"));
  EXPECT_THAT(with([](auto& s) { s.failback_after = ms(-1); }), StartsWith("failback_after"));
}

TEST(EndpointChooser, BeginsWithTheFirstChoiceAtOnce) {
  const EndpointChooser chooser(plain(), 2);
  EXPECT_EQ(chooser.choose(at(0)), 0U);
  EXPECT_EQ(chooser.next_attempt(at(0)), at(0));
}

TEST(EndpointChooser, TriesTheNextWithoutDelayWhenOneFails) {
  EndpointChooser chooser(plain(), 3);
  chooser.on_failed(0, at(0), 0.0);
  EXPECT_EQ(chooser.choose(at(0)), 1U);
  chooser.on_failed(1, at(10), 0.0);
  EXPECT_EQ(chooser.choose(at(10)), 2U);
}

TEST(EndpointChooser, WaitsWhenAllFailedAndBeginsAgainWithTheBestThatIsDue) {
  EndpointChooser chooser(plain(), 2);
  chooser.on_failed(0, at(0), 0.0);
  chooser.on_failed(1, at(50), 0.0);
  EXPECT_FALSE(chooser.choose(at(100)));
  EXPECT_EQ(chooser.next_attempt(at(100)), at(200));
  EXPECT_EQ(chooser.choose(at(200)), 0U);
  chooser.on_failed(0, at(210), 0.0);  // now 400 ms
  EXPECT_EQ(chooser.next_attempt(at(210)), at(250));
  EXPECT_EQ(chooser.choose(at(250)), 1U);
}

TEST(EndpointChooser, BacksOffFurtherAtEachFailure) {
  EndpointChooser chooser(plain(), 1);
  double now = 0.0;
  for (const double delay : {200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 10000.0, 10000.0}) {
    chooser.on_failed(0, at(now), 0.0);
    EXPECT_EQ(chooser.next_attempt(at(now)), at(now + delay));
    now += delay;
  }
}

TEST(EndpointChooser, ForgetsFailuresOnlyAfterAStableConnection) {
  EndpointChooser chooser(plain(), 1);
  for (int i = 0; i < 4; ++i) chooser.on_failed(0, at(0), 0.0);
  chooser.on_connected(0, at(5000));
  EXPECT_EQ(chooser.connected(), 0U);
  chooser.on_failed(0, at(6000), 0.0);  // greeted, then gone: no better than unreachable
  EXPECT_EQ(chooser.failures(0), 5);
  chooser.on_connected(0, at(20000));
  chooser.on_failed(0, at(30000), 0.0);
  EXPECT_EQ(chooser.failures(0), 1);
  EXPECT_EQ(chooser.next_attempt(at(30000)), at(30200));
  EXPECT_FALSE(chooser.connected());
}

TEST(EndpointChooser, HonoursThePauseThatACloudAskedFor) {
  EndpointChooser chooser(plain(), 1);
  chooser.on_sent_away(0, at(0), ms(5000), 0.0);
  EXPECT_FALSE(chooser.choose(at(4999)));
  EXPECT_EQ(chooser.choose(at(5000)), 0U);
  chooser.on_sent_away(0, at(5000), ms(0), 0.0);  // its own back-off is longer
  EXPECT_EQ(chooser.next_attempt(at(5000)), at(5400));
}

TEST(EndpointChooser, FailsOverInTheMiddleAndKeepsToTheOrder) {
  EndpointChooser chooser(plain(), 3);
  chooser.on_connected(0, at(0));
  chooser.on_failed(0, at(20000), 0.0);
  EXPECT_EQ(chooser.choose(at(20000)), 1U);
  chooser.on_connected(1, at(20010));
  EXPECT_EQ(chooser.connected(), 1U);
}

TEST(EndpointChooser, GoesBackToABetterCloudOnlyAfterItRested) {
  EndpointChooser chooser(plain(), 3);
  chooser.on_failed(0, at(0), 0.0);
  chooser.on_connected(1, at(10));
  EXPECT_FALSE(chooser.failback(at(59999)));
  EXPECT_EQ(chooser.failback(at(60000)), 0U);
  chooser.on_failed(0, at(60000), 0.0);  // still down
  EXPECT_FALSE(chooser.failback(at(61000)));
  EXPECT_EQ(chooser.connected(), 1U);
  EXPECT_EQ(chooser.failback(at(120000)), 0U);
  chooser.on_connected(0, at(120010));
  EXPECT_EQ(chooser.connected(), 0U);
  EXPECT_FALSE(chooser.failback(at(500000)));
}

TEST(EndpointChooser, DoesNotFailBackWhileDisconnectedNorToALesserCloud) {
  EndpointChooser chooser(plain(), 2);
  EXPECT_FALSE(chooser.failback(at(100000)));
  chooser.on_connected(0, at(0));
  EXPECT_FALSE(chooser.failback(at(100000)));
}

TEST(EndpointChooser, AlwaysFindsACloudThatIsUp) {
  std::mt19937 generator(9);
  std::uniform_real_distribution<double> random(0.0, 1.0);
  for (int round = 0; round < 100; ++round) {
    const std::size_t count = 1 + generator() % 4;
    EndpointChooser chooser(ReconnectSettings{}, count);
    const std::size_t up = generator() % count;
    double now = 0.0;
    int attempts = 0;
    while (chooser.connected() != up) {
      ASSERT_LT(++attempts, 10);
      const auto choice = chooser.choose(at(now));
      if (!choice) {
        const TimePoint next = chooser.next_attempt(at(now));
        ASSERT_GT(next, at(now));
        now = to_ms(next - at(0));
        continue;
      }
      if (*choice == up) {
        chooser.on_connected(*choice, at(now));
      } else {
        chooser.on_failed(*choice, at(now), random(generator));
      }
    }
  }
}

}  // namespace
}  // namespace cecollm::policy
