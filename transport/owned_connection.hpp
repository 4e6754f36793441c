#pragma once
// What every connection's actor does, whatever carries its bytes: drive a session, report to an
// owner, keep timers. A part of the actor; used on its thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "transport/connection.hpp"
#include "transport/inbound_window.hpp"
#include "transport/linked_session.hpp"

namespace cecollm::transport {

/// The carrier of bytes, as the actor implements it.
class ByteStream {
 public:
  /// Takes the bytes. True: nothing is left to be sent. False: stream_sent() will say how much is,
  /// as they go.
  virtual bool write(std::vector<char> bytes) = 0;
  virtual void shut_down_writing() = 0;
  /// Whether bytes are wanted; called when that changes.
  virtual void set_reading(bool wanted) = 0;

 protected:
  ~ByteStream() = default;
};

class OwnedConnection {
 public:
  using TimePoint = Session::TimePoint;

  /// Both outlive it.
  OwnedConnection(caf::scheduled_actor* self, ByteStream* stream) : self_(self), stream_(stream) {}
  OwnedConnection(const OwnedConnection&) = delete;
  OwnedConnection& operator=(const OwnedConnection&) = delete;

  void set_limits(const ConnectionLimits& limits) { limits_ = limits; }
  const ConnectionLimits& limits() const { return limits_; }

  /// The owner is known, or is made once the handshake is done.
  void set_owner(caf::actor owner);
  void set_owner_factory(OwnerFactory make_owner, RefusalHandler on_refused);
  bool is_owner(const caf::actor_addr& actor) const { return owner_ && actor == owner_; }
  /// As close(), after the messages that the owner sent before it died.
  void owner_died();

  /// The stream is open. Starts the session.
  void begin(LinkedSession session, std::string peer_address);
  bool has_begun() const { return session_.has_value(); }

  /// These end the actor when the session has ended. Only after begin().
  void received(std::span<const char> wire);
  void stream_ended();
  void stream_sent(std::uint64_t unsent);
  void send(const SendFrame& frame);
  void close();
  void resume_reading();
  void tick();
  void force_link(LinkState state);

  /// Reports the end and ends the actor. Of no effect on a session.
  void fail(Error reason);
  /// The actor ends: reports that unless the end was reported already, and lets everything go.
  void release();

  /// Sends Tick to the actor then, unless it will get one before.
  void wake_at(TimePoint time);
  /// A Tick has come. False: one for a wish that an earlier one has made needless.
  bool woken();
  TimePoint now() const;

 private:
  void settle();
  void report(SessionEvent& event);
  void bring_up(std::string identity);
  void bring_down(Error reason);
  void update_reading();

  caf::scheduled_actor* self_;
  ByteStream* stream_;
  ConnectionLimits limits_;
  std::optional<LinkedSession> session_;
  OwnerFactory make_owner_;
  RefusalHandler on_refused_;
  caf::actor owner_;
  std::string peer_address_;
  std::shared_ptr<InboundWindow> inbound_;
  bool inbound_open_ = true;
  bool reading_ = true;
  bool goodbye_said_ = false;
  TimePoint wake_at_ = TimePoint::max();
};

}  // namespace cecollm::transport
