#pragma once
// Brings the faults of a schedule on a world of edges and clouds.

#include "tests/support/fault_schedule.hpp"
#include "tests/support/memory_world.hpp"

namespace cecollm::tests {

class FaultInjection {
 public:
  /// Outlives the actions that it leaves with the world.
  explicit FaultInjection(MemoryWorld& world) : world_(world), time_(world.time()) {}

  /// Begins now, and ends by itself in its time. `fault` outlives that.
  void befall(const Fault& fault) {
    using Kind = Fault::Kind;
    using transport::LinkState;
    const auto over = time_.now() + fault.lasts;
    switch (fault.kind) {
      case Kind::stall:
        force(fault, LinkState::stall);
        time_.at(over, [&] { force(fault, LinkState::up); });
        break;
      case Kind::outage:
        force(fault, LinkState::outage);
        time_.at(over, [&] { force(fault, LinkState::up); });
        break;
      case Kind::slow:
        for (int i = 0; i < 20; ++i) {
          const auto state = i % 2 == 0 ? LinkState::stall : LinkState::up;
          time_.at(time_.now() + i * fault.lasts / 20, [&, state] { force(fault, state); });
        }
        break;
      case Kind::reset:
        on_ways(fault, [](auto& way) { way.reset(); });
        break;
      case Kind::refuse:
        cloud_of(fault).refuse_connections();
        on_ways(fault, [](auto& way) { way.reset(); });
        time_.at(over, [&] { cloud_of(fault).accept_connections(); });
        break;
      case Kind::kill:
        cloud_of(fault).kill();
        time_.at(over, [&] { start(fault); });
        break;
      case Kind::vanish:
        force(fault, LinkState::outage);
        cloud_of(fault).kill(false);
        time_.at(over, [&] {
          force(fault, LinkState::up);
          start(fault);
        });
        break;
      case Kind::replace:
        cloud_of(fault).kill();
        start(fault);
        break;
      case Kind::leave:
        cloud_of(fault).stop();
        time_.at(over, [&] { start(fault); });
        break;
      case Kind::freeze:
        cloud_of(fault).freeze();
        time_.at(over, [&] { cloud_of(fault).thaw(); });
        break;
      case Kind::reload:
        for (std::size_t edge = 0; edge < world_.options().edges; ++edge) {
          if (fault.edge.value_or(edge) == edge) world_.reconfigure(edge, fault.settings);
        }
        break;
    }
  }

 private:
  /// Does something to every way between the edges and clouds that the fault names.
  template <class Action>
  void on_ways(const Fault& fault, Action action) {
    for (std::size_t edge = 0; edge < world_.options().edges; ++edge) {
      for (std::size_t cloud = 0; cloud < world_.options().clouds; ++cloud) {
        if (fault.edge.value_or(edge) == edge && fault.cloud.value_or(cloud) == cloud) {
          action(world_.way(edge, cloud));
        }
      }
    }
  }
  void force(const Fault& fault, transport::LinkState state) {
    on_ways(fault, [state](auto& way) { way.force(state); });
  }
  void start(const Fault& fault) {
    if (!cloud_of(fault).runs()) cloud_of(fault).start();
  }
  MemoryCloud& cloud_of(const Fault& fault) { return world_.cloud(*fault.cloud); }

  MemoryWorld& world_;
  SteppedTime& time_;
};

}  // namespace cecollm::tests
