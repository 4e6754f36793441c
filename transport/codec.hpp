#pragma once
// Between domain messages and Protobuf bytes. The only user of the generated wire code. WIRE.md is
// the contract.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "transport/error.hpp"
#include "transport/messages.hpp"

namespace cecollm::transport {

/// What a frame may hold; a decoder refuses more as `malformed`, before it allocates for it.
namespace wire_limits {
inline constexpr std::size_t ids = 1U << 20U;          // of a prompt, or emitted since an ask
inline constexpr std::size_t alternatives = 128;       // of a reply
inline constexpr std::size_t logit_biases = 1024;      // of a sampling
inline constexpr std::size_t exit_layers = 256;        // of a model
inline constexpr std::size_t digest_bytes = 128;       // hexadecimal
inline constexpr std::size_t name_bytes = 256;         // software, row dtype
inline constexpr std::size_t sentence_bytes = 4096;    // of a fault or a go-away
inline constexpr std::uint64_t position = 1ULL << 32;  // positions and sequence numbers are below
inline constexpr std::size_t small_message_bytes = 64U << 10U;  // all but rows and prompts
inline constexpr std::size_t prompt_message_bytes = 6U << 20U;  // OpenContext and Generate
}  // namespace wire_limits

/// Bytes that the length prefix takes.
inline constexpr std::size_t frame_prefix_bytes = 4;

/// One frame: 4-byte big-endian length, then the envelope. Sentences and names are cut at their
/// limit and made valid UTF-8; all other limits are the caller's.
std::vector<char> encode_frame(const Message& message);

/// Reads one envelope (without the prefix). Never throws on hostile bytes: `malformed` names what
/// is wrong; unknown fields are ignored.
Result<Message> decode_envelope(std::span<const char> body);

}  // namespace cecollm::transport
