#include "transport/connection_broker.hpp"

#include <utility>

#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include "transport/socket_scribe.hpp"

namespace cecollm::transport {

namespace {

// CAF clears what a read does not fill, so a larger buffer would cost small frames more than it
// saves large ones.
constexpr std::size_t read_bytes = 16U << 10U;

}  // namespace

caf::behavior ConnectionBroker::dial(DialPlan plan) {
  tls_ = std::move(plan.tls);
  endpoint_ = std::move(plan.endpoint);
  connection_.set_limits(plan.limits);
  connection_.set_owner(std::move(plan.owner));
  deadline_ = connection_.now() + plan.limits.connect_timeout;
  if (!tls_ && !is_loopback(endpoint_)) {
    connection_.fail({ErrorCode::insecure_refused,
                      to_string(endpoint_) + ": without TLS only loopback is allowed"});
    return {};
  }
  if (plan.link) {
    link_ = std::make_unique<LinkEmulator>(plan.link, LinkDirection::up, connection_.now());
  }
  const auto self = caf::actor_cast<caf::actor>(this);
  attempt_ = ConnectAttempt::start(
      endpoint_, !tls_, plan.limits.connect_timeout, [self](Result<Socket> result) {
        internal::Connected message;
        if (result) {
          message.socket = std::make_shared<Socket>(std::move(*result));
        } else {
          message.error = std::move(result.error());
        }
        caf::anon_send(self, std::move(message));
      });
  connection_.wake_at(deadline_);
  return run();
}

caf::behavior ConnectionBroker::accept(const AcceptPlan& plan, caf::io::connection_handle handle) {
  connection_.set_limits(plan.limits);
  connection_.set_owner_factory(plan.make_owner, plan.on_refused);
  deadline_ = connection_.now() + plan.limits.connect_timeout;
  handle_ = handle;
  peer_address_ = peer_address(static_cast<int>(handle_.id()));  // a handle is a descriptor
  if (plan.link) {
    link_ = std::make_unique<LinkEmulator>(plan.link, LinkDirection::down, connection_.now());
  }
  begin(plan.tls ? make_tls_server(plan.tls) : make_plain_stream(), peer_address_);
  return run();
}

caf::behavior ConnectionBroker::run() {
  set_default_handler(caf::drop);
  // An owner that does not handle a message answers it with an error.
  set_error_handler([](const caf::error&) {});
  set_down_handler([this](const caf::down_msg& down) {
    if (connection_.is_owner(down.source)) {
      connection_.owner_died();
    }
  });
  return {
      [this](caf::io::new_data_msg& message) { connection_.received(message.buf); },
      [this](const caf::io::data_transferred_msg& message) {
        connection_.stream_sent(message.remaining);
      },
      [this](const caf::io::connection_closed_msg&) {
        if (connection_.has_begun()) {
          connection_.stream_ended();
        } else {
          connection_.fail({ErrorCode::closed, to_string(endpoint_) + ": closed the connection"});
        }
      },
      [this](const SendFrame& frame) {
        if (connection_.has_begun()) {
          connection_.send(frame);
        }
      },
      [this](const CloseConnection&) {
        if (connection_.has_begun()) {
          connection_.close();
        } else {
          connection_.fail({ErrorCode::closed, to_string(endpoint_) + ": closed by this side"});
        }
      },
      [this](internal::Connected& result) { connected(result); },
      [this](const internal::ResumeReading&) {
        if (connection_.has_begun()) {
          connection_.resume_reading();
        }
      },
      [this](const internal::Tick&) { on_tick(); },
      [this](const internal::WriteOut&) {
        if (valid(handle_) && write_out()) {
          connection_.stream_sent(0);
        }
      },
  };
}

void ConnectionBroker::connected(internal::Connected& result) {
  attempt_.reset();
  if (!result.socket) {
    connection_.fail(std::move(result.error));
    return;
  }
  peer_address_ = peer_address(result.socket->get());
  auto& multiplexer =
      dynamic_cast<caf::io::network::default_multiplexer&>(system().middleman().backend());
  auto scribe = caf::make_counted<SocketScribe>(multiplexer, result.socket->release());
  handle_ = scribe->hdl();
  add_scribe(std::move(scribe));
  if (!link_) {
    open();
  } else if (const auto at = link_->connected_at(connection_.now())) {
    open_at_ = *at;
    connection_.wake_at(open_at_);
  } else {
    connection_.fail(
        {ErrorCode::unreachable, to_string(endpoint_) + ": the emulated link refuses connections"});
  }
}

void ConnectionBroker::open() {
  open_at_ = Session::TimePoint::max();
  begin(tls_ ? make_tls_client(tls_, endpoint_) : make_plain_stream(), to_string(endpoint_));
}

void ConnectionBroker::begin(Result<std::unique_ptr<SecureStream>> stream,
                             const std::string& peer) {
  if (!stream) {
    connection_.fail(std::move(stream.error()));
    return;
  }
  ack_writes(handle_, true);
  configure_read(handle_, caf::io::receive_policy::at_most(read_bytes));
  Session session(std::move(*stream), connection_.limits(), peer, connection_.now(), deadline_);
  connection_.begin(LinkedSession(std::move(session), std::move(link_)), peer_address_);
}

void ConnectionBroker::on_tick() {
  if (!connection_.woken()) {
    return;
  }
  const auto now = connection_.now();
  if (connection_.has_begun()) {
    connection_.tick();
  } else if (now >= deadline_) {
    connection_.fail({ErrorCode::timed_out,
                      to_string(endpoint_) + ": no connection within " +
                          std::to_string(connection_.limits().connect_timeout.count()) + " ms"});
  } else if (now >= open_at_) {
    open();
  } else {
    connection_.wake_at(std::min(deadline_, open_at_));
  }
}

SocketScribe* ConnectionBroker::socket() {
  auto scribe = by_id(handle_);
  return scribe ? dynamic_cast<SocketScribe*>(&*scribe) : nullptr;
}

bool ConnectionBroker::write(std::vector<char> bytes) {
  if (!valid(handle_)) {
    return false;
  }
  auto& buffer = wr_buf(handle_);
  if (buffer.empty()) {
    buffer.swap(bytes);
  } else {
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
  }
  if (std::exchange(write_due_, true)) {
    return false;
  }
  if (mailbox().empty()) {
    return write_out();
  }
  // Behind messages that may have more to be sent. Without a sender: in a mailbox that nobody
  // empties any more, as at the system's end, it would hold its own actor.
  caf::anon_send(caf::actor_cast<caf::actor>(this), internal::WriteOut{});
  return false;
}

bool ConnectionBroker::write_out() {
  write_due_ = false;
  flush(handle_);
  const auto* scribe = socket();
  return scribe != nullptr && !scribe->has_unsent();
}

void ConnectionBroker::shut_down_writing() {
  if (auto* scribe = socket()) {
    scribe->shut_down_writing();
  }
}

void ConnectionBroker::set_reading(bool wanted) {
  if (wanted) {
    trigger(handle_);
  } else {
    halt(handle_);
  }
}

void ConnectionBroker::on_exit() {
  if (attempt_) {
    attempt_->cancel();
    attempt_.reset();
  }
  connection_.release();
  link_.reset();
  tls_.reset();
}

}  // namespace cecollm::transport
