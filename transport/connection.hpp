#pragma once
// Brokers that own sockets: one connection each, framed, over TLS 1.3 (or plain TCP on loopback).
// They run on CAF's multiplexer thread, so they only frame and buffer; parsing is their owner's.
//
// A connection and its owner exchange:
//   owner → connection   SendFrame             queue one frame (from encode_frame)
//                        CloseConnection       flush what is queued, then close
//   connection → owner   ConnectionUp          the handshake is done; first, and once
//                        FrameArrived          one envelope, without its length prefix
//                        SendQueueDrained      the queue fell below half of its cap again
//                        ConnectionDown        last message; the connection is gone
// A connection ends itself, with a reason in ConnectionDown, when a length prefix exceeds
// max_frame_bytes (before anything is allocated), when the send queue exceeds its cap, when
// nothing was heard for `silence_limit`, and when its owner dies.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "transport/endpoint.hpp"
#include "transport/error.hpp"
#include "transport/tls.hpp"

namespace cecollm::transport {

struct SendFrame {
  std::shared_ptr<const std::vector<char>> bytes;
};
struct CloseConnection {};

struct ConnectionUp {
  caf::actor connection;
  std::string peer_identity;  // common name of the peer's certificate; "insecure" without TLS
  std::string peer_address;   // for logs
};
struct FrameArrived {
  std::vector<char> envelope;
};
struct SendQueueDrained {
  std::uint64_t queued_bytes = 0;
};
struct ConnectionDown {
  Error reason;
};

struct ConnectionLimits {
  std::uint32_t max_frame_bytes = 8U << 20U;
  std::uint64_t max_queued_bytes = 32U << 20U;
  std::chrono::milliseconds connect_timeout{5000};  // name look-up, TCP and TLS together
  std::chrono::milliseconds silence_limit{15000};   // no byte heard: the peer is gone
};

/// Starts connecting to `endpoint` and returns at once; never blocks a scheduler thread. `owner`
/// receives ConnectionUp or ConnectionDown. `tls` null: plain TCP, loopback only.
void dial(caf::actor_system& system, const Endpoint& endpoint,
          std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits, caf::actor owner);

/// Makes the owner of a connection that was just accepted.
using OwnerFactory = std::function<caf::actor()>;

struct Listening {
  caf::actor listener;  // stop it to stop accepting; live connections go on
  Endpoint bound;       // with the real port where port 0 was asked for
};

/// Binds and listens. `tls` null: plain TCP, loopback only. At most `max_connections` at a time:
/// further ones are closed at once.
Result<Listening> listen(caf::actor_system& system, const Endpoint& endpoint,
                         std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits,
                         std::size_t max_connections, OwnerFactory make_owner);

}  // namespace cecollm::transport

CAF_BEGIN_TYPE_ID_BLOCK(cecollm_transport, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::SendFrame))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::CloseConnection))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::ConnectionUp))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::FrameArrived))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::SendQueueDrained))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::ConnectionDown))
CAF_END_TYPE_ID_BLOCK(cecollm_transport)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::SendFrame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::CloseConnection)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::ConnectionUp)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::FrameArrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::SendQueueDrained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::ConnectionDown)
