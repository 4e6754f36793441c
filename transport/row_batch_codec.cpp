#include "transport/row_batch_codec.hpp"

#include <cstdint>
#include <cstring>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "transport/codec.hpp"
#include "transport/envelope.hpp"

namespace cecollm::transport {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint8_t varint_tag(unsigned field) {
  return static_cast<std::uint8_t>(field << 3U);
}
constexpr std::uint8_t bytes_tag(unsigned field) {
  return static_cast<std::uint8_t>((field << 3U) | 2U);
}

// Fields that hold their default are not written, as proto3 does.
std::size_t varint_field_size(std::uint64_t value) {
  return value == 0 ? 0 : 1 + CodedOutputStream::VarintSize64(value);
}

std::uint8_t* write_varint_field(unsigned field, std::uint64_t value, std::uint8_t* out) {
  if (value == 0) {
    return out;
  }
  *out++ = varint_tag(field);
  return CodedOutputStream::WriteVarint64ToArray(value, out);
}

std::uint8_t* write_length(std::uint8_t tag, std::size_t length, std::uint8_t* out) {
  *out++ = tag;
  return CodedOutputStream::WriteVarint64ToArray(length, out);
}

}  // namespace

std::vector<char> encode_row_batch_frame(const RowBatch& rows) {
  const auto payload = rows.payload ? rows.payload->size() : 0;
  const auto fields = varint_field_size(rows.context) + varint_field_size(rows.epoch) +
                      varint_field_size(rows.first_sequence) +
                      (payload == 0 ? 0 : 1 + CodedOutputStream::VarintSize64(payload) + payload);
  const auto envelope = 1 + CodedOutputStream::VarintSize64(fields) + fields;

  std::vector<char> frame;
  // Reserved, not sized: a resize would clear what the payload overwrites.
  frame.reserve(frame_prefix_bytes + envelope);
  std::uint8_t head[64];
  auto* out = head;
  for (int shift = 24; shift >= 0; shift -= 8) {
    *out++ = static_cast<std::uint8_t>(envelope >> static_cast<unsigned>(shift));
  }
  out = write_length(bytes_tag(static_cast<unsigned>(EnvelopeField::row_batch)), fields, out);
  out = write_varint_field(1, rows.context, out);
  out = write_varint_field(2, rows.epoch, out);
  out = write_varint_field(3, rows.first_sequence, out);
  if (payload > 0) {
    out = write_length(bytes_tag(4), payload, out);
  }
  frame.insert(frame.end(), head, out);
  if (payload > 0) {
    const auto* first = reinterpret_cast<const char*>(rows.payload->data());
    frame.insert(frame.end(), first, first + payload);
  }
  return frame;
}

Result<RowBatch> decode_row_batch(std::span<const char> body) {
  const auto malformed = [](const char* why) {
    return fail(ErrorCode::malformed, why);
  };
  CodedInputStream input(reinterpret_cast<const std::uint8_t*>(body.data()),
                         static_cast<int>(body.size()));
  RowBatch rows;
  std::span<const char> payload;
  while (const auto tag = input.ReadTag()) {
    bool parsed = false;
    std::uint64_t number = 0;
    switch (tag) {
      case varint_tag(1):
        parsed = input.ReadVarint64(&rows.context);
        break;
      case varint_tag(2):
        parsed = input.ReadVarint64(&number);
        rows.epoch = static_cast<std::uint32_t>(number);
        break;
      case varint_tag(3):
        parsed = input.ReadVarint64(&rows.first_sequence);
        break;
      case bytes_tag(4): {
        std::uint32_t length = 0;
        parsed = input.ReadVarint32(&length);
        const auto start = static_cast<std::size_t>(input.CurrentPosition());
        parsed = parsed && length <= body.size() - start;
        if (parsed) {
          payload = body.subspan(start, length);
          parsed = input.Skip(static_cast<int>(length));
        }
        break;
      }
      default:
        parsed = WireFormatLite::SkipField(&input, tag);
    }
    if (!parsed) {
      return malformed("a row batch that does not parse");
    }
  }
  if (!input.ConsumedEntireMessage()) {
    return malformed("a row batch that does not parse");
  }
  if (rows.first_sequence >= wire_limits::position) {
    return malformed("a row batch with a sequence number out of range");
  }
  std::vector<std::byte> bytes(payload.size());
  if (!payload.empty()) {
    std::memcpy(bytes.data(), payload.data(), payload.size());
  }
  rows.payload = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return rows;
}

}  // namespace cecollm::transport
