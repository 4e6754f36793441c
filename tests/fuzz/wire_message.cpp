// What a decoder understood can be said again, and means the same then.

#include <span>

#include "tests/fuzz/targets.hpp"
#include "transport/codec.hpp"

namespace cecollm::fuzz {

void wire_message(std::string_view input) {
  const auto message = transport::decode_envelope(std::span<const char>(input));
  if (!message) {
    require(message.error().code == transport::ErrorCode::malformed, "bad bytes are malformed");
    require(!message.error().message.empty(), "a refusal says why");
    return;
  }
  const auto frame = transport::encode_frame(*message);
  const auto again =
      transport::decode_envelope(std::span(frame).subspan(transport::frame_prefix_bytes));
  require(again.has_value(), "what was decoded can be encoded");
  // As bytes: a NaN does not equal itself.
  require(transport::encode_frame(*again) == frame, "encoding is stable");
}

}  // namespace cecollm::fuzz
