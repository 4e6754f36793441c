#include "transport/memory_connection.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::transport {

using internal::WireBytes;
using internal::WireEnd;
using internal::WireTaken;

MemoryConnection::MemoryConnection(caf::actor_config& config,
                                   std::shared_ptr<MemoryNetworkState> network)
    : event_based_actor(config), network_(std::move(network)) {
  connection_.set_limits(network_->limits);
}

void MemoryConnection::on_exit() {
  connection_.release();
  if (!cut_) {
    send(peer_, WireEnd{});
  }
  peer_ = nullptr;
}

caf::behavior MemoryConnection::handle(caf::message_handler more) {
  set_default_handler(caf::drop);
  // An owner that does not handle a message answers it with an error.
  set_error_handler([](const caf::error&) {});
  set_down_handler([this](const caf::down_msg& down) {
    if (connection_.is_owner(down.source)) {
      connection_.owner_died();
    }
  });
  return more.or_else(
      [this](WireBytes& wire) {
        pending_.push_back(std::move(wire.bytes));
        read_pending();
      },
      [this](const WireTaken& taken) {
        untaken_ -= taken.bytes;
        connection_.stream_sent(untaken_);
      },
      [this](const WireEnd&) {
        end_pending_ = true;
        read_pending();
      },
      [this](const internal::ReadPending&) { read_pending(); },
      [this](const SendFrame& frame) {
        if (connection_.has_begun()) {
          connection_.send(frame);
        }
      },
      [this](const CloseConnection&) {
        if (connection_.has_begun()) {
          connection_.close();
        } else {
          connection_.fail({ErrorCode::closed, "closed by this side"});
        }
      },
      [this](const internal::ResumeReading&) { connection_.resume_reading(); },
      [this](const internal::ResetLink&) {
        connection_.fail({ErrorCode::closed, "the connection was reset"});
      },
      [this](const internal::Tick&) {
        if (connection_.woken()) {
          on_tick();
        }
      });
}

void MemoryConnection::begin(const std::string& peer_identity, std::unique_ptr<LinkEmulator> link) {
  const auto now = connection_.now();
  Session session(make_plain_stream(peer_identity), connection_.limits(), peer_identity, now,
                  now + connection_.limits().connect_timeout);
  connection_.begin(LinkedSession(std::move(session), std::move(link)), "memory");
}

bool MemoryConnection::write(std::vector<char> bytes) {
  untaken_ += bytes.size();
  send(peer_, WireBytes{std::move(bytes)});
  return false;
}

void MemoryConnection::shut_down_writing() {
  send(peer_, WireEnd{});
}

void MemoryConnection::set_reading(bool wanted) {
  reading_ = wanted;
  if (wanted) {
    send(this, internal::ReadPending{});  // later: the session is in the middle of something
  }
}

void MemoryConnection::read_pending() {
  while (reading_ && !pending_.empty()) {
    const auto bytes = std::move(pending_.front());
    pending_.pop_front();
    send(peer_, WireTaken{bytes.size()});
    connection_.received(bytes);
  }
  if (reading_ && std::exchange(end_pending_, false)) {
    connection_.stream_ended();
  }
}

MemoryCloudSide::MemoryCloudSide(caf::actor_config& config,
                                 std::shared_ptr<MemoryNetworkState> network, caf::actor edge,
                                 std::string identity, OwnerFactory make_owner)
    : MemoryConnection(config, std::move(network)), identity_(std::move(identity)) {
  peer_ = std::move(edge);
  connection_.set_owner_factory(std::move(make_owner), {});
}

caf::behavior MemoryCloudSide::make_behavior() {
  begin(identity_, nullptr);
  return handle({});
}

void MemoryCloudSide::on_tick() {
  connection_.tick();
}

MemoryEdgeSide::MemoryEdgeSide(caf::actor_config& config,
                               std::shared_ptr<MemoryNetworkState> network, std::string identity,
                               caf::actor owner)
    : MemoryConnection(config, std::move(network)), identity_(std::move(identity)) {
  connection_.set_owner(std::move(owner));
}

caf::behavior MemoryEdgeSide::make_behavior() {
  const auto now = connection_.now();
  deadline_ = now + connection_.limits().connect_timeout;
  link_ = std::make_unique<LinkEmulator>(network_->link, LinkDirection::up, now);
  connect();
  return handle({[this](const internal::ForceLink& forced) {
    force(forced.state);
  }});
}

/// Finds out when the connection will be open, as things are.
void MemoryEdgeSide::connect() {
  {
    const std::lock_guard lock(network_->mutex);
    cut_ = network_->forced != LinkState::up;
  }
  const auto at = cut_ ? Session::TimePoint::max() : link_->connected_at(connection_.now());
  if (!at) {
    connection_.fail({ErrorCode::unreachable, "the emulated link refuses connections"});
    return;
  }
  open_at_ = *at;
  connection_.wake_at(std::min(deadline_, open_at_));
}

void MemoryEdgeSide::open() {
  OwnerFactory make_owner;
  std::string cloud_identity;
  {
    const std::lock_guard lock(network_->mutex);
    make_owner = network_->make_owner;
    cloud_identity = network_->cloud_identity;
  }
  if (!make_owner) {
    connection_.fail({ErrorCode::unreachable, "nobody listens"});
    return;
  }
  peer_ = spawn<MemoryCloudSide>(network_, caf::actor_cast<caf::actor>(this), identity_,
                                 std::move(make_owner));
  network_->add(peer_);
  begin(cloud_identity, std::move(link_));
}

void MemoryEdgeSide::force(LinkState state) {
  cut_ = state != LinkState::up;
  if (connection_.has_begun()) {
    connection_.force_link(state);
  } else {
    connect();
  }
}

void MemoryEdgeSide::on_tick() {
  const auto now = connection_.now();
  if (connection_.has_begun()) {
    connection_.tick();
  } else if (now >= deadline_) {
    connection_.fail({ErrorCode::timed_out, "no connection in time"});
  } else if (now >= open_at_) {
    open();
  } else {
    connection_.wake_at(std::min(deadline_, open_at_));
  }
}

}  // namespace cecollm::transport
