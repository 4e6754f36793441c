#pragma once
// Connections without sockets: the same messages, all time from the actor clock, so that whole
// systems run on CAF's test clock. The link between the two sides takes a shape and can be
// stalled, cut and reset.

#include <memory>
#include <string>

#include <caf/all.hpp>

#include "transport/connection.hpp"

namespace cecollm::transport {

struct MemoryNetworkState;

/// One way to one cloud. Thread-safe; copies are the same network.
class MemoryNetwork {
 public:
  /// `link` null: perfect. Its shape must have no resets; use reset().
  MemoryNetwork(caf::actor_system& system, const ConnectionLimits& limits,
                std::shared_ptr<EmulatedLink> link = {});

  /// The cloud accepts connections from now on. `identity` is what the edges see.
  void listen(std::string identity, OwnerFactory make_owner);
  /// It refuses them. Live ones go on.
  void stop_listening();

  /// As transport::dial: `owner` receives ConnectionUp, a round trip later, or ConnectionDown.
  /// `identity` is what the cloud sees.
  void dial(std::string identity, caf::actor owner);

  /// All connections, and those that are opened from now on: `stall` holds bytes, `outage` loses
  /// them to be sent again, `up` ends both.
  void force(LinkState state);
  /// Ends all connections at once, both sides.
  void reset();

 private:
  std::shared_ptr<MemoryNetworkState> state_;
};

}  // namespace cecollm::transport
