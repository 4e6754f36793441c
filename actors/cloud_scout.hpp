#pragma once
// Cloud scout: finds out whether a preferred cloud is back, while the link goes on with another. It
// dials, says hello, tells the link how that went, and ends.

#include <functional>

#include "actors/type_ids.hpp"

namespace cecollm::actors {

using cloud_scout_actor = caf::typed_actor<
    /// From the connection.
    caf::reacts_to<transport::ConnectionUp>, caf::reacts_to<transport::FrameArrived>,
    caf::reacts_to<transport::SendQueueDrained>, caf::reacts_to<transport::ConnectionDown>>;

struct CloudScoutSetting {
  std::size_t cloud = 0;  // which, for the report
  std::function<void(const caf::actor& owner)> dial;
  transport::Hello hello;
  cloud_link_actor link;  // gets ScoutReport
};

struct CloudScoutState {
  static inline const char* name = "cloud_scout";
  CloudScoutSetting setting;
  caf::actor connection;
  bool welcome = false;
};

cloud_scout_actor::behavior_type cloud_scout(
    cloud_scout_actor::stateful_pointer<CloudScoutState> self, CloudScoutSetting setting);

}  // namespace cecollm::actors
