#pragma once
// The messages of connection.hpp, and those that its brokers send themselves.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "transport/error.hpp"
#include "transport/link_shape.hpp"
#include "transport/socket.hpp"

namespace cecollm::transport {

/// owner → connection: queue one frame, as encode_frame makes it.
struct SendFrame {
  std::shared_ptr<const std::vector<char>> bytes;
};
/// owner → connection: flush what is queued, say good-bye, close.
struct CloseConnection {};

/// connection → owner: the handshake is done. First, and once.
struct ConnectionUp {
  caf::actor connection;
  std::string peer_identity;  // common name of the peer's certificate; "insecure" without TLS
  std::string peer_address;   // for logs
};
/// connection → owner: one envelope, without its length prefix. While frames of more than
/// `max_inbound_bytes` are held, in mailboxes or elsewhere, the connection reads no more: keep
/// `credit` as long as the envelope is waiting, drop it with it.
struct FrameArrived {
  std::vector<char> envelope;
  std::shared_ptr<const void> credit;
};
/// connection → owner: the send queue fell below half of its cap, after it had been above.
struct SendQueueDrained {
  std::uint64_t queued_bytes = 0;
};
/// connection → owner: the last message; the connection is gone, or never came to be.
struct ConnectionDown {
  Error reason;
};

namespace internal {
/// To itself: a deadline has come.
struct Tick {};
/// To itself: bytes for the socket have been put together.
struct WriteOut {};
/// From the thread that connects. Null: `error` says why.
struct Connected {
  std::shared_ptr<Socket> socket;
  Error error;
};
/// From whoever dropped a frame: read on.
struct ResumeReading {};
/// To the listener itself: accept again.
struct ResumeAccepting {};
/// From the doorman: no descriptor was left for a connection.
struct AcceptingFailed {};

/// Between the two sides of a connection in memory: bytes, how many of them were read, the end.
struct WireBytes {
  std::vector<char> bytes;
};
struct WireTaken {
  std::uint64_t bytes = 0;
};
struct WireEnd {};
/// To itself: look at what has arrived.
struct ReadPending {};
/// From whoever controls a network in memory.
struct ForceLink {
  LinkState state = LinkState::up;
};
struct ResetLink {};
}  // namespace internal

}  // namespace cecollm::transport

CAF_BEGIN_TYPE_ID_BLOCK(cecollm_transport, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::SendFrame))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::CloseConnection))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::ConnectionUp))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::FrameArrived))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::SendQueueDrained))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::ConnectionDown))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::Tick))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::WriteOut))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::Connected))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::ResumeReading))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::ResumeAccepting))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::AcceptingFailed))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::WireBytes))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::WireTaken))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::WireEnd))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::ReadPending))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::ForceLink))
CAF_ADD_TYPE_ID(cecollm_transport, (cecollm::transport::internal::ResetLink))
CAF_END_TYPE_ID_BLOCK(cecollm_transport)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::SendFrame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::CloseConnection)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::ConnectionUp)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::FrameArrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::SendQueueDrained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::ConnectionDown)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::Tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::WriteOut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::Connected)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::ResumeReading)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::ResumeAccepting)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::AcceptingFailed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::WireBytes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::WireTaken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::WireEnd)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::ReadPending)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::ForceLink)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::transport::internal::ResetLink)
