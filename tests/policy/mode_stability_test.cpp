// Properties of the mode controller over random and adversarial links, alone and in a closed loop
// with the link estimate that feeds it.

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "policy/deadline.hpp"
#include "policy/link_estimate.hpp"
#include "policy/mode_controller.hpp"
#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

/// Times at which the mode changed, by whatever automatic transition.
class SwitchLog {
 public:
  void note(TimePoint now, const ModeTransition& made) {
    if (mode_of(made.from) != mode_of(made.to)) times_.push_back(now);
  }
  const std::vector<TimePoint>& times() const { return times_; }
  Duration shortest_gap() const {
    Duration shortest = Duration::max();
    for (std::size_t i = 1; i < times_.size(); ++i) {
      shortest = std::min(shortest, times_[i] - times_[i - 1]);
    }
    return shortest;
  }

 private:
  std::vector<TimePoint> times_;
};

/// Updates until the controller is content; it has to be, soon.
void settle(ModeController& controller, TimePoint now, const LinkView& link, SwitchLog& log) {
  for (int i = 0;; ++i) {
    ASSERT_LT(i, 4) << "the controller does not come to rest";
    const auto made = controller.update(now, link);
    if (!made) return;
    log.note(now, *made);
  }
}

LinkView random_view(std::mt19937& generator, std::uint64_t samples) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  LinkView link;
  link.connected = uniform(generator) < 0.85;
  link.samples = samples;
  link.expired_asks = uniform(generator) < 0.2 ? static_cast<int>(generator() % 5) : 0;
  link.ping_timeouts = uniform(generator) < 0.1 ? static_cast<int>(generator() % 5) : 0;
  if (uniform(generator) < 0.95) {
    const auto time = [&] {
      return ms(std::exp(uniform(generator) * 9.0));
    };  // 1 ms to 8 s
    link.cost = AskCost{time(), time(), uniform(generator) < 0.5 ? ms(0) : time()};
  }
  return link;
}

TEST(ModeStability, SwitchesAtMostOncePerDwellTimeOverRandomLinks) {
  std::size_t switches = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<double> gap(0.1, 400.0);
    ModeSettings settings;
    settings.preferred = seed % 3 == 0 ? Mode::cloud_only : Mode::collaborative;
    settings.optimistic_start = seed % 2 == 0;
    settings.minimum_dwell = ms(500.0 + 100.0 * (seed % 40));
    settings.probe_interval = ms(100);
    settings.maximum_probe_interval = ms(800);
    ModeController controller(settings, at(0));
    SwitchLog log;
    double now = 0.0;
    std::uint64_t samples = 0;
    // Links that change at every look, and links that stay for a while.
    LinkView link = random_view(generator, samples);
    for (int i = 0; i < 1000; ++i) {
      now += gap(generator);
      samples += generator() % 3;
      if (generator() % (1 + seed % 20) == 0) link = random_view(generator, samples);
      link.samples = samples;
      settle(controller, at(now), link, log);
    }
    ASSERT_GE(log.shortest_gap(), settings.minimum_dwell) << "seed " << seed;
    switches += log.times().size();
  }
  EXPECT_GT(switches, 1000U);
}

TEST(ModeStability, LosesNoTimeByBeingAskedOnlyAtItsOwnTimes) {
  // A driver that updates at link events and at next_update() switches when one does that updates
  // every millisecond.
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 generator(seed);
    std::vector<std::pair<double, LinkView>> events;
    double time = 0.0;
    std::uint64_t samples = 0;
    for (int i = 0; i < 60; ++i) {
      events.emplace_back(std::floor(time), random_view(generator, samples));
      time += 1.0 + static_cast<double>(generator() % 1500);
      samples += generator() % 4;
    }
    const double end = std::floor(time) + 20000.0;

    ModeController every_millisecond(ModeSettings{}, at(0));
    SwitchLog expected;
    std::size_t next_event = 0;
    for (double now = 0.0; now <= end; now += 1.0) {
      while (next_event + 1 < events.size() && events[next_event + 1].first <= now) ++next_event;
      settle(every_millisecond, at(now), events[next_event].second, expected);
    }

    ModeController on_demand(ModeSettings{}, at(0));
    SwitchLog actual;
    for (std::size_t i = 0; i < events.size(); ++i) {
      const TimePoint until = i + 1 < events.size() ? at(events[i + 1].first) : at(end + 1.0);
      TimePoint now = at(events[i].first);
      for (int steps = 0; now < until; ++steps) {
        ASSERT_LT(steps, 1000) << "next_update() does not advance";
        settle(on_demand, now, events[i].second, actual);
        const auto next = on_demand.next_update();
        if (!next) break;
        ASSERT_GT(*next, now);
        now = *next;
      }
    }
    ASSERT_EQ(actual.times(), expected.times()) << "seed " << seed;
  }
}

TEST(ModeStability, DoesNotSwitchWhileTheCostMovesBetweenTheThresholds) {
  std::mt19937 generator(4);
  std::uniform_real_distribution<double> between(100.0, 200.0);
  for (const bool optimistic : {true, false}) {
    ModeSettings settings;
    settings.optimistic_start = optimistic;
    ModeController controller(settings, at(0));
    SwitchLog log;
    LinkView link;
    link.connected = true;
    for (int i = 0; i < 20000; ++i) {
      link.cost = AskCost{ms(between(generator)), ms(0), ms(0)};
      ++link.samples;
      settle(controller, at(i * 50.0), link, log);
    }
    EXPECT_TRUE(log.times().empty());
  }
}

/// A ping on a link with the round trip `round_trip(now)`; none while it is negative (an outage
/// that the connection survives). The controller's word decides how often is pinged.
SwitchLog run_closed_loop(const ModeSettings& settings, double end_ms,
                          const std::function<double(double)>& round_trip,
                          std::vector<std::pair<double, Mode>>* history = nullptr) {
  ModeController controller(settings, at(0));
  LinkEstimate link;
  CloudLoad load;
  AskGate gate;
  SwitchLog log;
  link.on_connected();
  struct Flying {
    double sent = 0.0;
    double back = 0.0;  // negative: never
    bool ask = false;
    bool expired = false;
  };
  std::deque<Flying> flying;
  std::optional<double> asked;
  std::optional<double> ping_timeout;
  const double deadline = 150.0;
  for (double now = 0.0; now < end_ms; now += 5.0) {
    for (Flying& one : flying) {
      if (one.back >= 0.0 && one.back <= now && one.sent >= 0.0) {
        if (one.ask) {
          link.on_answer(at(now), at(one.sent), ms(0), ms(0));
          asked.reset();
        } else {
          link.on_pong(at(now), at(one.sent), ms(0));
          ping_timeout.reset();
        }
        gate.on_answer_or_pong();
        one.sent = -1.0;
      } else if (one.ask && !one.expired && one.sent >= 0.0 && now - one.sent >= deadline) {
        one.expired = true;
        link.on_ask_expired();
        gate.on_expired();
        asked.reset();
      }
    }
    std::erase_if(flying, [&](const Flying& one) { return one.sent < 0.0; });
    if (ping_timeout && *ping_timeout <= now) {
      link.on_ping_timeout();
      ping_timeout.reset();
    }
    const auto cost = expected_cost(at(now), link, load);
    settle(controller, at(now),
           {link.connected(), cost, link.round_trip().samples(), link.expired_asks(),
            link.ping_timeouts(), false},
           log);
    const double back = round_trip(now) < 0.0 ? -1.0 : now + round_trip(now);
    const bool probing = controller.state() == SupervisorState::probing;
    if (link.next_ping(probing ? settings.probe_ping_interval : ms(1000)) <= at(now)) {
      link.on_ping_sent(at(now));
      if (!ping_timeout) ping_timeout = now + to_ms(link.timeout());
      flying.push_back({now, back, false, false});
    }
    if (controller.mode() == Mode::collaborative && !asked &&
        decide_ask(at(now), link.connected(), gate, cost, ms(deadline)) == AskVerdict::ask) {
      asked = now;
      flying.push_back({now, back, true, false});
    }
    if (history != nullptr) history->emplace_back(now, controller.mode());
  }
  return log;
}

TEST(ModeStability, SwitchesAtMostOncePerDwellTimeOnAFlappingLink) {
  for (const double period : {200.0, 1000.0, 3000.0, 7000.0, 20000.0}) {
    const ModeSettings settings;
    const SwitchLog log = run_closed_loop(settings, 300000.0, [&](double now) {
      return std::fmod(now, period) < period / 2.0 ? 20.0 : 600.0;
    });
    EXPECT_GE(log.shortest_gap(), settings.minimum_dwell) << period;
    EXPECT_LT(log.times().size(), 300.0 / 3.0) << period;
  }
}

TEST(ModeStability, SettlesAloneOnALinkThatFlapsFasterThanItPays) {
  // Good for one second in four: back-off makes the visits to collaboration rare.
  const SwitchLog log = run_closed_loop(ModeSettings{}, 600000.0, [](double now) {
    return std::fmod(now, 4000.0) < 1000.0 ? 20.0 : -1.0;
  });
  EXPECT_LE(log.times().size(), 80U);
}

TEST(ModeStability, StaysTogetherOnAGoodLink) {
  std::mt19937 generator(2);
  std::normal_distribution<double> jitter(50.0, 8.0);
  const SwitchLog log = run_closed_loop(
      ModeSettings{}, 300000.0, [&](double /*now*/) { return std::max(1.0, jitter(generator)); });
  EXPECT_TRUE(log.times().empty());
}

TEST(ModeStability, LeavesASlowLinkAndComesBackWithinTheConfiguredTime) {
  const ModeSettings settings;
  std::vector<std::pair<double, Mode>> history;
  run_closed_loop(
      settings, 200000.0,
      [](double now) { return now < 20000.0 || now >= 120000.0 ? 30.0 : 700.0; }, &history);
  const auto mode_at = [&](double now) {
    return std::lower_bound(history.begin(), history.end(), now,
                            [](const auto& entry, double t) { return entry.first < t; })
        ->second;
  };
  EXPECT_EQ(mode_at(19990.0), Mode::collaborative);
  EXPECT_EQ(mode_at(30000.0), Mode::standalone);
  EXPECT_EQ(mode_at(119990.0), Mode::standalone);
  // At worst a whole pause, a probe that began on the bad link, and a good probe.
  const double bound = to_ms(settings.maximum_probe_interval) + 2.0 * to_ms(settings.probe_timeout);
  EXPECT_EQ(mode_at(120000.0 + bound), Mode::collaborative);
  EXPECT_EQ(mode_at(199990.0), Mode::collaborative);
}

TEST(ModeStability, LeavesALinkThatFallsSilent) {
  std::vector<std::pair<double, Mode>> history;
  run_closed_loop(
      ModeSettings{}, 30000.0, [](double now) { return now < 10000.0 ? 30.0 : -1.0; }, &history);
  const auto left = std::find_if(history.begin(), history.end(), [](const auto& entry) {
    return entry.second == Mode::standalone;
  });
  ASSERT_NE(left, history.end());
  EXPECT_GT(left->first, 10000.0);
  EXPECT_LT(left->first, 14000.0);
  EXPECT_EQ(history.back().second, Mode::standalone);
}

}  // namespace
}  // namespace cecollm::policy
