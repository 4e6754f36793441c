#pragma once
// The two sides of a connection in memory. See memory_network.hpp.

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "transport/owned_connection.hpp"

namespace cecollm::transport {

/// What all connections of a network share.
struct MemoryNetworkState {
  MemoryNetworkState(caf::actor_system& actor_system, const ConnectionLimits& connection_limits,
                     std::shared_ptr<EmulatedLink> emulated_link);
  void add(const caf::actor& connection);
  std::vector<caf::actor> live();

  caf::actor_system& system;
  const ConnectionLimits limits;
  const std::shared_ptr<EmulatedLink> link;

  std::mutex mutex;  // of what follows
  std::string cloud_identity;
  OwnerFactory make_owner;  // empty: nobody listens
  LinkState forced = LinkState::up;
  std::vector<caf::actor_addr> connections;
};

/// One side. Between the two actors bytes take no time; the edge's side has the link.
class MemoryConnection : public caf::event_based_actor, private ByteStream {
 public:
  MemoryConnection(caf::actor_config& config, std::shared_ptr<MemoryNetworkState> network);
  const char* name() const override { return "memory-connection"; }
  void on_exit() override;

 protected:
  /// What both sides handle, and `more`.
  caf::behavior handle(caf::message_handler more);
  void begin(const std::string& peer_identity, std::unique_ptr<LinkEmulator> link);
  virtual void on_tick() = 0;

  std::shared_ptr<MemoryNetworkState> network_;
  OwnedConnection connection_{this, this};
  caf::actor peer_;
  bool cut_ = false;  // the peer does not hear of our end

 private:
  bool write(std::vector<char> bytes) override;
  void shut_down_writing() override;
  void set_reading(bool wanted) override;
  void read_pending();

  std::deque<std::vector<char>> pending_;  // arrived and not read
  bool end_pending_ = false;
  bool reading_ = true;
  std::uint64_t untaken_ = 0;  // written and not read by the peer
};

class MemoryCloudSide : public MemoryConnection {
 public:
  MemoryCloudSide(caf::actor_config& config, std::shared_ptr<MemoryNetworkState> network,
                  caf::actor edge, std::string identity, OwnerFactory make_owner);
  caf::behavior make_behavior() override;

 private:
  void on_tick() override;
  std::string identity_;
};

class MemoryEdgeSide : public MemoryConnection {
 public:
  MemoryEdgeSide(caf::actor_config& config, std::shared_ptr<MemoryNetworkState> network,
                 std::string identity, caf::actor owner);
  caf::behavior make_behavior() override;

 private:
  void on_tick() override;
  void connect();
  void open();
  void force(LinkState state);

  std::string identity_;
  std::unique_ptr<LinkEmulator> link_;  // until begin()
  Session::TimePoint deadline_;
  Session::TimePoint open_at_ = Session::TimePoint::max();
};

}  // namespace cecollm::transport
