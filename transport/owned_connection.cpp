#include "transport/owned_connection.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::transport {

namespace {

// What a held frame costs beside its bytes.
constexpr std::uint64_t frame_overhead = 256;

}  // namespace

OwnedConnection::TimePoint OwnedConnection::now() const {
  return self_->system().clock().now();
}

void OwnedConnection::set_owner(caf::actor owner) {
  owner_ = std::move(owner);
  if (owner_) {
    self_->monitor(owner_);
  }
}

void OwnedConnection::set_owner_factory(OwnerFactory make_owner, RefusalHandler on_refused) {
  make_owner_ = std::move(make_owner);
  on_refused_ = std::move(on_refused);
}

void OwnedConnection::owner_died() {
  owner_ = nullptr;
  caf::anon_send(caf::actor_cast<caf::actor>(self_), CloseConnection{});
}

void OwnedConnection::begin(LinkedSession session, std::string peer_address) {
  peer_address_ = std::move(peer_address);
  const auto weak = self_->address();
  inbound_ = std::make_shared<InboundWindow>(limits_.max_inbound_bytes, [weak] {
    if (auto self = caf::actor_cast<caf::actor>(weak)) {
      caf::anon_send(self, internal::ResumeReading{});
    }
  });
  session_ = std::move(session);
  session_->start(now());
  settle();
}

void OwnedConnection::received(std::span<const char> wire) {
  session_->receive(wire, now());
  settle();
}

void OwnedConnection::stream_ended() {
  session_->stream_ended(now());
  settle();
}

void OwnedConnection::stream_sent(std::uint64_t unsent) {
  session_->output_sent(unsent, now());
  settle();
}

void OwnedConnection::send(const SendFrame& frame) {
  session_->send(frame.bytes, now());
  settle();
}

void OwnedConnection::close() {
  session_->close(now());
  settle();
}

void OwnedConnection::resume_reading() {
  session_->resume_reading(now());
  inbound_open_ = true;
  settle();
}

void OwnedConnection::tick() {
  session_->tick(now());
  settle();
}

void OwnedConnection::force_link(LinkState state) {
  session_->force_link(state, now());
  settle();
}

void OwnedConnection::fail(Error reason) {
  bring_down(std::move(reason));
  self_->quit();
}

void OwnedConnection::release() {
  if (inbound_) {
    inbound_->disarm();
  }
  bring_down({ErrorCode::closed, "the connection's actor was stopped"});
  session_.reset();
  make_owner_ = {};
}

void OwnedConnection::settle() {
  for (auto output = session_->take_output(now()); !output.empty();
       output = session_->take_output(now())) {
    if (!stream_->write(std::move(output))) {
      break;
    }
    session_->output_sent(0, now());
  }
  for (auto& event : session_->take_events()) {
    report(event);
  }
  if (session_->finished()) {
    self_->quit();
    return;
  }
  if (session_->said_goodbye() && !std::exchange(goodbye_said_, true)) {
    stream_->shut_down_writing();
  }
  if (inbound_open_ && inbound_->close_if_full()) {
    inbound_open_ = false;
    session_->pause_reading();
  }
  update_reading();
  wake_at(session_->next_deadline(now()));
}

void OwnedConnection::update_reading() {
  const bool wanted = inbound_open_ && !session_->is_congested();
  if (wanted != std::exchange(reading_, wanted)) {
    stream_->set_reading(wanted);
  }
}

void OwnedConnection::report(SessionEvent& event) {
  if (auto* up = std::get_if<SessionUp>(&event)) {
    bring_up(std::move(up->peer_identity));
  } else if (auto* frame = std::get_if<SessionFrame>(&event)) {
    auto credit = inbound_->take(frame->envelope.size() + frame_overhead);
    caf::unsafe_send_as(self_, owner_, FrameArrived{std::move(frame->envelope), std::move(credit)});
  } else if (auto* drained = std::get_if<SessionDrained>(&event)) {
    caf::unsafe_send_as(self_, owner_, SendQueueDrained{drained->queued_bytes});
  } else if (auto* down = std::get_if<SessionDown>(&event)) {
    bring_down(std::move(down->reason));
  }
}

void OwnedConnection::bring_up(std::string identity) {
  if (make_owner_) {
    set_owner(std::exchange(make_owner_, {})());
    if (!owner_) {
      owner_died();
    }
  }
  on_refused_ = {};
  caf::unsafe_send_as(
      self_, owner_,
      ConnectionUp{caf::actor_cast<caf::actor>(self_), std::move(identity), peer_address_});
}

void OwnedConnection::bring_down(Error reason) {
  if (auto refused = std::exchange(on_refused_, {})) {
    refused(reason);
  }
  caf::unsafe_send_as(self_, std::exchange(owner_, nullptr), ConnectionDown{std::move(reason)});
}

bool OwnedConnection::woken() {
  if (now() < wake_at_) {
    return false;
  }
  wake_at_ = TimePoint::max();
  return true;
}

void OwnedConnection::wake_at(TimePoint time) {
  if (time >= wake_at_) {
    return;
  }
  wake_at_ = time;
  auto self = caf::actor_cast<caf::strong_actor_ptr>(self_);
  auto tick = caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, internal::Tick{});
  if (time <= now()) {
    self->enqueue(std::move(tick), self_->context());
  } else {
    self_->system().clock().schedule_message(time, std::move(self), std::move(tick));
  }
}

}  // namespace cecollm::transport
