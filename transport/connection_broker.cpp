#include "transport/connection_broker.hpp"

#include <algorithm>
#include <utility>

#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include "transport/socket_scribe.hpp"

namespace cecollm::transport {

namespace {

// CAF clears what a read does not fill, so a larger buffer would cost small frames more than it
// saves large ones.
constexpr std::size_t read_bytes = 16U << 10U;
// What a held frame costs beside its bytes.
constexpr std::uint64_t frame_overhead = 256;
constexpr std::chrono::milliseconds least_timer{5};

}  // namespace

caf::behavior ConnectionBroker::dial(DialPlan plan) {
  tls_ = std::move(plan.tls);
  limits_ = plan.limits;
  endpoint_ = std::move(plan.endpoint);
  deadline_ = now() + limits_.connect_timeout;
  set_owner(std::move(plan.owner));
  if (!tls_ && !is_loopback(endpoint_)) {
    bring_down({ErrorCode::insecure_refused,
                to_string(endpoint_) + ": without TLS only loopback is allowed"});
    quit();
    return {};
  }
  const auto self = caf::actor_cast<caf::actor>(this);
  attempt_ = ConnectAttempt::start(
      endpoint_, !tls_, limits_.connect_timeout, [self](Result<Socket> result) {
        internal::Connected message;
        if (result) {
          message.socket = std::make_shared<Socket>(std::move(*result));
        } else {
          message.error = std::move(result.error());
        }
        caf::anon_send(self, std::move(message));
      });
  arm_timer();
  return run();
}

caf::behavior ConnectionBroker::accept(AcceptPlan plan, caf::io::connection_handle handle) {
  tls_ = std::move(plan.tls);
  limits_ = plan.limits;
  make_owner_ = std::move(plan.make_owner);
  on_refused_ = std::move(plan.on_refused);
  deadline_ = now() + limits_.connect_timeout;
  handle_ = handle;
  peer_address_ = peer_address(static_cast<int>(handle_.id()));  // a handle is a descriptor
  auto stream = tls_ ? make_tls_server(tls_) : make_plain_stream();
  if (!stream) {
    bring_down(stream.error());
    quit();
    return {};
  }
  begin(std::move(*stream), peer_address_);
  return run();
}

caf::behavior ConnectionBroker::run() {
  set_default_handler(caf::drop);
  // An owner that does not handle a message answers it with an error.
  set_error_handler([](const caf::error&) {});
  set_down_handler([this](const caf::down_msg& down) {
    if (down.source == owner_) {
      on_owner_gone();
    }
  });
  return {
      [this](caf::io::new_data_msg& message) {
        session_->receive(message.buf, now());
        settle();
      },
      [this](const caf::io::data_transferred_msg& message) {
        session_->output_sent(message.remaining, now());
        settle();
      },
      [this](const caf::io::connection_closed_msg&) {
        session_->stream_ended(now());
        settle();
      },
      [this](const SendFrame& frame) {
        if (session_) {
          session_->send(frame.bytes, now());
          settle();
        }
      },
      [this](const CloseConnection&) {
        if (session_) {
          session_->close(now());
          settle();
        } else {
          bring_down({ErrorCode::closed, to_string(endpoint_) + ": closed by this side"});
          quit();
        }
      },
      [this](internal::Connected& result) { connected(result); },
      [this](const internal::ResumeReading&) {
        if (session_) {
          session_->resume_reading(now());
          trigger(handle_);
          arm_timer();
        }
      },
      [this](const internal::Tick&) { on_tick(); },
  };
}

void ConnectionBroker::connected(internal::Connected& result) {
  attempt_.reset();
  if (!result.socket) {
    bring_down(std::move(result.error));
    quit();
    return;
  }
  auto stream = tls_ ? make_tls_client(tls_, endpoint_) : make_plain_stream();
  if (!stream) {
    bring_down(stream.error());
    quit();
    return;
  }
  peer_address_ = peer_address(result.socket->get());
  auto& multiplexer =
      dynamic_cast<caf::io::network::default_multiplexer&>(system().middleman().backend());
  auto scribe = caf::make_counted<SocketScribe>(multiplexer, result.socket->release());
  handle_ = scribe->hdl();
  add_scribe(std::move(scribe));
  begin(std::move(*stream), to_string(endpoint_));
}

void ConnectionBroker::begin(std::unique_ptr<SecureStream> stream, std::string peer) {
  const auto weak = address();
  inbound_ = std::make_shared<InboundWindow>(limits_.max_inbound_bytes, [weak] {
    if (auto self = caf::actor_cast<caf::actor>(weak)) {
      caf::anon_send(self, internal::ResumeReading{});
    }
  });
  session_ =
      std::make_unique<Session>(std::move(stream), limits_, std::move(peer), now(), deadline_);
  ack_writes(handle_, true);
  configure_read(handle_, caf::io::receive_policy::at_most(read_bytes));
  session_->start(now());
  settle();
}

void ConnectionBroker::on_tick() {
  armed_ = Session::TimePoint::max();
  if (session_) {
    session_->tick(now());
    settle();
  } else if (now() >= deadline_) {
    bring_down({ErrorCode::timed_out, to_string(endpoint_) + ": no connection within " +
                                          std::to_string(limits_.connect_timeout.count()) + " ms"});
    quit();
  } else {
    arm_timer();
  }
}

void ConnectionBroker::on_owner_gone() {
  owner_ = nullptr;
  // As a message, so that frames which the owner sent before it died go out first.
  send(this, CloseConnection{});
}

void ConnectionBroker::settle() {
  auto output = session_->take_output();
  if (!output.empty() && valid(handle_)) {
    auto& buffer = wr_buf(handle_);
    if (buffer.empty()) {
      buffer.swap(output);
    } else {
      buffer.insert(buffer.end(), output.begin(), output.end());
    }
    flush(handle_);
  }
  for (auto& event : session_->take_events()) {
    report(event);
  }
  if (session_->finished()) {
    quit();
    return;
  }
  if (session_->said_goodbye()) {
    shut_down_writing();
  }
  if (inbound_->close_if_full()) {
    halt(handle_);
    session_->pause_reading();
  }
  arm_timer();
}

void ConnectionBroker::report(SessionEvent& event) {
  if (auto* up = std::get_if<SessionUp>(&event)) {
    bring_up(std::move(up->peer_identity));
  } else if (auto* frame = std::get_if<SessionFrame>(&event)) {
    auto credit = inbound_->take(frame->envelope.size() + frame_overhead);
    send(owner_, FrameArrived{std::move(frame->envelope), std::move(credit)});
  } else if (auto* drained = std::get_if<SessionDrained>(&event)) {
    send(owner_, SendQueueDrained{drained->queued_bytes});
  } else if (auto* down = std::get_if<SessionDown>(&event)) {
    bring_down(std::move(down->reason));
  }
}

void ConnectionBroker::set_owner(caf::actor owner) {
  owner_ = std::move(owner);
  if (owner_) {
    monitor(owner_);
  }
}

void ConnectionBroker::bring_up(std::string identity) {
  if (make_owner_) {
    set_owner(std::exchange(make_owner_, {})());
    if (!owner_) {
      send(this, CloseConnection{});
    }
  }
  on_refused_ = {};
  send(owner_, ConnectionUp{caf::actor_cast<caf::actor>(this), std::move(identity), peer_address_});
}

void ConnectionBroker::bring_down(Error reason) {
  if (auto refused = std::exchange(on_refused_, {})) {
    refused(reason);
  }
  if (owner_) {
    send(std::exchange(owner_, nullptr), ConnectionDown{std::move(reason)});
  }
}

void ConnectionBroker::shut_down_writing() {
  if (std::exchange(goodbye_sent_, true)) {
    return;
  }
  if (auto scribe = by_id(handle_)) {
    if (auto* socket = dynamic_cast<SocketScribe*>(&*scribe)) {
      socket->shut_down_writing();
    }
  }
}

void ConnectionBroker::arm_timer() {
  const auto wanted = session_ ? session_->next_deadline() : deadline_;
  if (wanted == Session::TimePoint::max()) {
    return;
  }
  const auto at = std::max(wanted, now() + least_timer);
  if (at < armed_) {
    armed_ = at;
    scheduled_send(this, at, internal::Tick{});
  }
}

Session::TimePoint ConnectionBroker::now() {
  return system().clock().now();
}

void ConnectionBroker::on_exit() {
  if (attempt_) {
    attempt_->cancel();
    attempt_.reset();
  }
  if (inbound_) {
    inbound_->disarm();
  }
  bring_down({ErrorCode::closed, "the connection's actor was stopped"});
  session_.reset();
  tls_.reset();
  make_owner_ = {};
}

}  // namespace cecollm::transport
