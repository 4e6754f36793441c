#include "transport/memory_network.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "transport/memory_connection.hpp"

namespace cecollm::transport {

MemoryNetwork::MemoryNetwork(caf::actor_system& system, const ConnectionLimits& limits,
                             std::shared_ptr<EmulatedLink> link)
    : state_(std::make_shared<MemoryNetworkState>(system, limits, std::move(link))) {}

void MemoryNetwork::listen(std::string identity, OwnerFactory make_owner) {
  const std::lock_guard lock(state_->mutex);
  state_->cloud_identity = std::move(identity);
  state_->make_owner = std::move(make_owner);
}

void MemoryNetwork::stop_listening() {
  const std::lock_guard lock(state_->mutex);
  state_->make_owner = {};
}

void MemoryNetwork::dial(std::string identity, caf::actor owner) {
  const auto edge =
      state_->system.spawn<MemoryEdgeSide>(state_, std::move(identity), std::move(owner));
  state_->add(edge);
}

void MemoryNetwork::force(LinkState state) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->forced = state;
  }
  for (const auto& connection : state_->live()) {
    caf::anon_send(connection, internal::ForceLink{state});
  }
}

void MemoryNetwork::reset() {
  for (const auto& connection : state_->live()) {
    caf::anon_send(connection, internal::ResetLink{});
  }
}

MemoryNetworkState::MemoryNetworkState(caf::actor_system& actor_system,
                                       const ConnectionLimits& connection_limits,
                                       std::shared_ptr<EmulatedLink> emulated_link)
    : system(actor_system),
      limits(connection_limits),
      link(emulated_link ? std::move(emulated_link)
                         : std::make_shared<EmulatedLink>(LinkShape(), system.clock().now())) {}

void MemoryNetworkState::add(const caf::actor& connection) {
  const std::lock_guard lock(mutex);
  connections.push_back(connection.address());
}

std::vector<caf::actor> MemoryNetworkState::live() {
  const std::lock_guard lock(mutex);
  std::vector<caf::actor> actors;
  std::erase_if(connections, [&](const caf::actor_addr& address) {
    auto actor = caf::actor_cast<caf::actor>(address);
    if (actor) {
      actors.push_back(actor);
    }
    return !actor;
  });
  return actors;
}

}  // namespace cecollm::transport
