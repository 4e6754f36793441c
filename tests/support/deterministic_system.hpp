#pragma once
// An actor system on one thread and a clock that only tests move.

#include <functional>

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "actors/system_config.hpp"
#include "monitoring/metrics.hpp"
#include "policy/mode_controller.hpp"

namespace cecollm::tests {

class DeterministicConfig : public actors::SystemConfig {
 public:
  using Extension = std::function<void(caf::actor_system_config&)>;

  /// `extend` adds the message types of further folders.
  explicit DeterministicConfig(const Extension& extend = {})
      : SystemConfig(LightActors::by_scheduler_policy) {
    if (extend) extend(*this);
    set("scheduler.policy", caf::atom("testing"));
    set("middleman.network-backend", caf::atom("testing"));
    set("middleman.manual-multiplexing", true);
    set("middleman.attach-utility-actors", true);
  }
};

class DeterministicSystem : public ::testing::Test {
 protected:
  /// Delivers every message there is; timers stay where they are.
  void run() { scheduler_.run(); }
  /// Moves the clock and delivers what that sets off, timer by timer.
  void advance(std::chrono::milliseconds time) {
    scheduler_.run();
    scheduler_.advance_time(time);
    scheduler_.run();
  }
  void TearDown() override { run(); }

  static monitoring::EdgeLabels edge_labels() {
    return {{"0", "fake", "", "1,2", "fp32"},
            {1, 2},
            {"standalone", "collaborative", "cloud-only"},
            std::vector<std::string>(policy::all_mode_reasons.size(), "reason")};
  }
  static monitoring::CloudLabels cloud_labels() {
    return {{"0", "fake", "", "1,2", "fp32"}, std::vector<std::string>(14, "code")};
  }

  prometheus::Registry edge_registry_;
  monitoring::EdgeMetrics edge_metrics_{edge_registry_, edge_labels()};
  DeterministicConfig config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& scheduler_ =
      dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler());
  caf::scoped_actor self_{system_, true};
};

}  // namespace cecollm::tests
