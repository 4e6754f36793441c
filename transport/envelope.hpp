#pragma once
// The outermost layer of a frame's body, read without allocating: which message it is, and where.

#include <cstdint>
#include <span>

#include "transport/error.hpp"

namespace cecollm::transport {

/// Field numbers of wire.proto's Envelope.
enum class EnvelopeField : std::uint32_t {
  hello = 1,
  welcome,
  open_context,
  rows_held,
  row_batch,
  ask,
  reply,
  close_context,
  generate,
  generated,
  ping,
  pong,
  fault,
  go_away,
};
inline constexpr EnvelopeField last_envelope_field = EnvelopeField::go_away;

struct EnvelopePart {
  EnvelopeField field = EnvelopeField::hello;
  std::span<const char> body;  // of that message; within the given bytes
};

/// Finds the one message of an envelope. `malformed`: no message that this version knows, more
/// than one, more bytes than its kind may have, or bytes that are no Protobuf.
Result<EnvelopePart> open_envelope(std::span<const char> bytes);

}  // namespace cecollm::transport
