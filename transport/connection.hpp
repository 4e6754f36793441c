#pragma once
// Brokers that own sockets: one connection each, framed, over TLS 1.3 (or plain TCP on loopback).
// They run on CAF's multiplexer thread. They frame, encrypt and buffer; parsing is their owner's.
//
// A connection and its owner exchange the messages of connection_messages.hpp:
//   owner → connection   SendFrame, CloseConnection
//   connection → owner   ConnectionUp, FrameArrived, SendQueueDrained, ConnectionDown
// A connection ends itself, with a reason in ConnectionDown, when a length prefix exceeds
// max_frame_bytes (before anything is allocated), when the send queue exceeds its cap, and when
// nothing was heard for `silence_limit`. When its owner dies it flushes and closes.
// A client's ConnectionUp does not yet mean that the server accepts its certificate: TLS 1.3
// reports that later, as ConnectionDown with `handshake_failed`.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <caf/all.hpp>

#include "transport/connection_limits.hpp"
#include "transport/connection_messages.hpp"
#include "transport/endpoint.hpp"
#include "transport/error.hpp"
#include "transport/link_emulator.hpp"
#include "transport/tls.hpp"

namespace cecollm::transport {

/// Starts connecting to `endpoint` and returns at once; never blocks. `owner` receives ConnectionUp
/// or ConnectionDown. `tls` null: plain TCP, loopback only. The bytes cross the emulated `link`
/// where one is given (its start in the system's clock). The system needs caf::io::middleman.
void dial(caf::actor_system& system, const Endpoint& endpoint,
          std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits, caf::actor owner,
          std::shared_ptr<EmulatedLink> link = {});

/// Makes the owner of a connection whose handshake has succeeded. Runs on CAF's multiplexer
/// thread: spawn an actor, no more. A null actor refuses the connection.
using OwnerFactory = std::function<caf::actor()>;

/// Hears of peers that were turned away before they had an owner, on CAF's multiplexer thread.
using RefusalHandler = std::function<void(const Error&)>;

struct Listening {
  caf::actor listener;  // stop it to stop accepting; live connections go on
  Endpoint bound;       // with the real port where port 0 was asked for
};

/// Binds and listens. `tls` null: plain TCP, loopback only. At most `max_connections` at a time,
/// handshakes included: further ones are closed at once. All connections cross `link` where one is
/// given, each with its whole rate.
Result<Listening> listen(caf::actor_system& system, const Endpoint& endpoint,
                         std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits,
                         std::size_t max_connections, OwnerFactory make_owner,
                         RefusalHandler on_refused = {}, std::shared_ptr<EmulatedLink> link = {});

}  // namespace cecollm::transport
