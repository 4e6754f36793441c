#pragma once
// The owner of a connection, in a test's own thread: every wait is bounded.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <caf/all.hpp>

#include "tests/support/framed.hpp"
#include "transport/connection.hpp"

namespace cecollm::tests {

/// Messages that are not waited for stay in the mailbox, in order.
class ConnectionOwner {
 public:
  static constexpr std::chrono::seconds patience{20};

  explicit ConnectionOwner(caf::actor_system& system) : self_(system) {}

  caf::actor actor() { return caf::actor_cast<caf::actor>(self_.ptr()); }

  /// The next message of type T; empty after `patience`.
  template <class T>
  std::optional<T> next(std::chrono::milliseconds wait = patience) {
    std::optional<T> result;
    self_->receive([&](T& message) { result = std::move(message); }, caf::after(wait) >> [] {});
    return result;
  }

  std::optional<transport::ConnectionUp> up() {
    auto message = next<transport::ConnectionUp>();
    if (message) {
      connection_ = message->connection;
    }
    return message;
  }
  std::optional<std::string> frame() {
    auto message = next<transport::FrameArrived>();
    return message ? std::optional(std::string(message->envelope.begin(), message->envelope.end()))
                   : std::nullopt;
  }
  std::optional<transport::Error> down() {
    auto message = next<transport::ConnectionDown>();
    return message ? std::optional(std::move(message->reason)) : std::nullopt;
  }

  /// Sends one frame with this body.
  void send(std::string_view body) {
    caf::anon_send(connection_, transport::SendFrame{shared_frame(body)});
  }
  void close() { caf::anon_send(connection_, transport::CloseConnection{}); }
  const caf::actor& connection() const { return connection_; }
  /// Lets go of the connection's actor.
  void forget() { connection_ = nullptr; }

 private:
  caf::scoped_actor self_;
  caf::actor connection_;
};

}  // namespace cecollm::tests
