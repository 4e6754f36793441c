#pragma once
// Between domain messages and Protobuf bytes. The only user of the generated wire code.

#include <span>
#include <vector>

#include "transport/error.hpp"
#include "transport/messages.hpp"

namespace cecollm::transport {

/// One frame: 4-byte big-endian length, then the envelope.
std::vector<char> encode_frame(const Message& message);

/// Reads one envelope (without the prefix). Never throws on hostile bytes: `malformed` names what
/// is wrong; unknown fields are ignored.
Result<Message> decode_envelope(std::span<const char> body);

}  // namespace cecollm::transport
