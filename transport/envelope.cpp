#include "transport/envelope.hpp"

#include <optional>
#include <string>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "transport/codec.hpp"

namespace cecollm::transport {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

std::size_t size_limit(EnvelopeField field) {
  switch (field) {
    case EnvelopeField::row_batch:
      return SIZE_MAX;  // the frame bound limits it
    case EnvelopeField::open_context:
    case EnvelopeField::generate:
    case EnvelopeField::ask:
      return wire_limits::prompt_message_bytes;
    default:
      return wire_limits::small_message_bytes;
  }
}

}  // namespace

Result<EnvelopePart> open_envelope(std::span<const char> bytes) {
  const auto malformed = [](std::string why) {
    return fail(ErrorCode::malformed, std::move(why));
  };
  if (bytes.empty() || bytes.size() > INT32_MAX) {
    return malformed("an envelope of " + std::to_string(bytes.size()) + " bytes");
  }
  CodedInputStream input(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                         static_cast<int>(bytes.size()));
  std::optional<EnvelopePart> part;
  while (true) {
    const auto tag = input.ReadTag();
    if (tag == 0) {
      break;
    }
    const auto number = static_cast<std::uint32_t>(WireFormatLite::GetTagFieldNumber(tag));
    const bool known = number >= 1 && number <= static_cast<std::uint32_t>(last_envelope_field);
    if (!known) {
      if (!WireFormatLite::SkipField(&input, tag)) {
        return malformed("an envelope whose unknown fields do not parse");
      }
      continue;
    }
    std::uint32_t length = 0;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED ||
        !input.ReadVarint32(&length)) {
      return malformed("envelope field " + std::to_string(number) + " is no message");
    }
    const auto start = static_cast<std::size_t>(input.CurrentPosition());
    if (length > bytes.size() - start) {
      return malformed("envelope field " + std::to_string(number) + " is cut short");
    }
    if (part) {
      return malformed("an envelope with more than one message");
    }
    const auto field = static_cast<EnvelopeField>(number);
    if (length > size_limit(field)) {
      return malformed("envelope field " + std::to_string(number) + " has " +
                       std::to_string(length) + " bytes, more than its kind may have");
    }
    part = EnvelopePart{field, bytes.subspan(start, length)};
    if (!input.Skip(static_cast<int>(length))) {
      return malformed("envelope field " + std::to_string(number) + " is cut short");
    }
  }
  if (!input.ConsumedEntireMessage()) {
    return malformed("an envelope that does not parse");
  }
  if (!part) {
    return malformed("an envelope without a message that this version knows");
  }
  return *part;
}

}  // namespace cecollm::transport
