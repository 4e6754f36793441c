#include "transport/codec.hpp"

#include <cstdint>
#include <string>
#include <type_traits>

#include "wire.pb.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/allocation_probe.hpp"
#include "tests/transport/random_message.hpp"

namespace cecollm::transport {
namespace {

using ::testing::HasSubstr;
using tests::AllocationProbe;
using tests::RandomMessages;

std::span<const char> body_of(const std::vector<char>& frame) {
  return std::span(frame).subspan(frame_prefix_bytes);
}

std::uint32_t prefix_of(const std::vector<char>& frame) {
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < frame_prefix_bytes; ++i) {
    size = (size << 8U) | static_cast<unsigned char>(frame[i]);
  }
  return size;
}

Result<Message> decode_text(const std::string& body) {
  return decode_envelope(std::span(body.data(), body.size()));
}

std::string refusal(const wire::Envelope& envelope) {
  const auto decoded = decode_text(envelope.SerializeAsString());
  if (decoded) {
    return "accepted";
  }
  EXPECT_EQ(decoded.error().code, ErrorCode::malformed);
  return decoded.error().message;
}

TEST(Codec, KeepsEveryMessageAsItIs) {
  RandomMessages random(7);
  for (int i = 0; i < 5000; ++i) {
    const auto message = random.next();
    const auto frame = encode_frame(message);
    ASSERT_EQ(prefix_of(frame), frame.size() - frame_prefix_bytes);
    const auto decoded = decode_envelope(body_of(frame));
    ASSERT_TRUE(decoded) << decoded.error().message;
    ASSERT_EQ(*decoded, message) << "message " << i << " of kind " << message.index();
  }
}

TEST(Codec, KeepsMessagesOfDefaultsToo) {
  const Message messages[] = {Hello{}, Welcome{},   OpenContext{},  RowsHeld{}, Ask{},
                              Reply{}, Generate{},  CloseContext{}, Ping{},     Pong{},
                              Fault{}, Generated{}, GoAway{},       RowBatch{}};
  for (auto message : messages) {
    if (auto* rows = std::get_if<RowBatch>(&message)) {
      rows->payload = std::make_shared<const std::vector<std::byte>>();
    }
    const auto decoded = decode_envelope(body_of(encode_frame(message)));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, message) << message.index();
  }
}

TEST(Codec, WritesRowBatchesAsTheGeneratedCodeDoes) {
  RandomMessages random(8);
  for (int i = 0; i < 500; ++i) {
    const auto rows = random.rows(random.below(i < 490 ? 400 : 3'000'000));
    const auto frame = encode_frame(rows);
    wire::Envelope envelope;
    auto& batch = *envelope.mutable_row_batch();
    batch.set_context(rows.context);
    batch.set_epoch(rows.epoch);
    batch.set_first_sequence(rows.first_sequence);
    batch.set_payload(rows.payload->data(), rows.payload->size());
    const auto body = body_of(frame);
    ASSERT_EQ(std::string(body.begin(), body.end()), envelope.SerializeAsString());
  }
}

TEST(Codec, WritesRowsWithOneAllocation) {
  RandomMessages random(9);
  const auto rows = random.rows(1U << 20U);
  const AllocationProbe probe;
  const auto frame = encode_frame(rows);
  EXPECT_EQ(probe.total(), frame.size());
}

TEST(Codec, SpendsAtMost24BytesOnARowFrame) {
  // The worst case that WIRE.md states.
  for (const std::size_t bytes : {1U, 127U, 128U, 512U, 8192U, 1U << 20U, 8U << 20U}) {
    RowBatch rows{(1U << 14U) - 1, (1U << 14U) - 1, (1U << 21U) - 1, 0,
                  std::make_shared<const std::vector<std::byte>>(bytes)};
    EXPECT_LE(encode_frame(rows).size() - bytes, 24U) << bytes;
    rows.epoch = 127;
    EXPECT_LE(encode_frame(rows).size() - bytes, 23U) << bytes;
  }
}

TEST(Codec, SpendsLessThanTwoPercentOnPromptsAndLongRows) {
  for (const std::size_t bytes : {2048UL, 33UL * 256 * 2, 4096UL * 2}) {
    const RowBatch rows{(1U << 14U) - 1, (1U << 14U) - 1, (1U << 21U) - 1, 0,
                        std::make_shared<const std::vector<std::byte>>(bytes)};
    const auto framing = static_cast<double>(encode_frame(rows).size() - bytes);
    EXPECT_LT(framing / static_cast<double>(bytes), 0.02) << bytes;
  }
}

TEST(Codec, IgnoresFieldsOfNewerVersions) {
  wire::Envelope envelope;
  envelope.mutable_ping()->set_nonce(7);
  auto body = envelope.SerializeAsString();
  body += std::string("\xa2\x06\x03xyz", 6);  // field 100, bytes
  body += std::string("\xa8\x06\x05", 3);     // field 101, varint
  auto decoded = decode_text(body);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(std::get<Ping>(*decoded).nonce, 7U);

  // Within the message, too: a row batch with an unknown field 9 between the known ones.
  decoded = decode_text(std::string("\x2a\x09\x08\x05\x4a\x01z\x22\x02hi", 11));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& rows = std::get<RowBatch>(*decoded);
  EXPECT_EQ(rows.context, 5U);
  ASSERT_EQ(rows.payload->size(), 2U);
}

TEST(Codec, ReadsFaultsOfNewerVersionsAsUnspecified) {
  wire::Envelope envelope;
  envelope.mutable_fault()->set_code(static_cast<wire::FaultCode>(99));
  envelope.mutable_fault()->set_message("new");
  const auto decoded = decode_text(envelope.SerializeAsString());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Fault>(*decoded).code, FaultCode::unspecified);
  EXPECT_EQ(std::get<Fault>(*decoded).message, "new");
}

TEST(Codec, RefusesEnvelopesThatHoldNoSingleMessage) {
  EXPECT_THAT(decode_text("").error().message, HasSubstr("0 bytes"));
  EXPECT_THAT(decode_text(std::string("\xa8\x06\x05", 3)).error().message,
              HasSubstr("without a message that this version knows"));
  EXPECT_THAT(decode_text(std::string("\x5a\x00\x62\x00", 4)).error().message,
              HasSubstr("more than one message"));
  EXPECT_THAT(decode_text(std::string("\x5a\x00\x5a\x00", 4)).error().message,
              HasSubstr("more than one message"));
  EXPECT_THAT(decode_text(std::string("\x58\x05", 2)).error().message, HasSubstr("is no message"));
  EXPECT_THAT(decode_text(std::string("\x5a\x7f\x01", 3)).error().message, HasSubstr("cut short"));
  EXPECT_THAT(decode_text(std::string("\x5a\xff\xff\xff\xff\x0f", 6)).error().message,
              HasSubstr("cut short"));
  EXPECT_THAT(decode_text("\x07").error().message, HasSubstr("parse"));
  EXPECT_THAT(decode_text(std::string("\0\0", 2)).error().message, HasSubstr("parse"));
}

TEST(Codec, RefusesMessagesBeyondTheirLimits) {
  wire::Envelope envelope;
  auto* hello = envelope.mutable_hello();
  hello->set_software(std::string(wire_limits::name_bytes + 1, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.software is 257, more than 256"));
  hello->set_software("");
  hello->set_row_dtype(std::string(wire_limits::name_bytes + 1, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.row_dtype"));
  hello->set_row_dtype("");
  hello->mutable_model()->set_whole(std::string(wire_limits::digest_bytes + 1, 'f'));
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.model is 129"));
  hello->mutable_model()->set_whole("");
  hello->set_hidden_size(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.hidden_size is negative"));
  hello->set_hidden_size(1);
  hello->mutable_model()->add_exit_layers(-3);
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.exit_layers is negative"));
  hello->mutable_model()->clear_exit_layers();
  for (std::size_t i = 0; i <= wire_limits::exit_layers; ++i) {
    hello->mutable_model()->add_exit_layers(1);
  }
  EXPECT_THAT(refusal(envelope), HasSubstr("hello.exit_layers is 257"));

  envelope.mutable_welcome()->set_software(std::string(300, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("welcome.software"));

  envelope.mutable_open_context()->add_prompt(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("open_context.prompt is negative"));
  envelope.mutable_open_context()->clear_prompt();
  envelope.mutable_open_context()->mutable_sampling()->set_top_k(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("open_context.top_k is negative"));
  envelope.mutable_open_context()->mutable_sampling()->set_top_k(0);
  envelope.mutable_open_context()->mutable_sampling()->set_top_logprobs(129);
  EXPECT_THAT(refusal(envelope), HasSubstr("open_context.top_logprobs is 129"));
  envelope.mutable_open_context()->mutable_sampling()->set_top_logprobs(0);
  envelope.mutable_open_context()->mutable_sampling()->add_logit_bias()->set_token(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("open_context.logit_bias is negative"));
  envelope.mutable_open_context()->mutable_sampling()->clear_logit_bias();
  for (std::size_t i = 0; i <= wire_limits::logit_biases; ++i) {
    envelope.mutable_open_context()->mutable_sampling()->add_logit_bias();
  }
  EXPECT_THAT(refusal(envelope), HasSubstr("open_context.logit_bias is 1025"));

  for (std::size_t i = 0; i <= wire_limits::ids; ++i) {
    envelope.mutable_generate()->add_prompt(1);
  }
  EXPECT_THAT(refusal(envelope), HasSubstr("generate.prompt is 1048577"));

  envelope.mutable_rows_held()->set_next_sequence(wire_limits::position);
  EXPECT_THAT(refusal(envelope), HasSubstr("rows_held.next_sequence is 4294967296"));
  envelope.mutable_row_batch()->set_first_sequence(wire_limits::position);
  EXPECT_THAT(refusal(envelope), HasSubstr("sequence number out of range"));
  envelope.mutable_ask()->set_position(wire_limits::position);
  EXPECT_THAT(refusal(envelope), HasSubstr("ask.position"));
  envelope.mutable_ask()->set_position(0);
  envelope.mutable_ask()->add_emitted(-7);
  EXPECT_THAT(refusal(envelope), HasSubstr("ask.emitted is negative"));

  envelope.mutable_reply()->set_token(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("reply.token is negative"));
  envelope.mutable_reply()->set_token(1);
  envelope.mutable_reply()->set_next_sequence(wire_limits::position);
  EXPECT_THAT(refusal(envelope), HasSubstr("reply.next_sequence"));
  envelope.mutable_generated()->set_token(-1);
  EXPECT_THAT(refusal(envelope), HasSubstr("generated.token is negative"));
  envelope.mutable_generated()->set_token(1);
  for (std::size_t i = 0; i <= wire_limits::alternatives; ++i) {
    envelope.mutable_generated()->add_top()->set_token(1);
  }
  EXPECT_THAT(refusal(envelope), HasSubstr("generated.top is 129"));

  envelope.mutable_fault()->set_message(std::string(wire_limits::sentence_bytes + 1, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("fault.message"));
  envelope.mutable_fault()->clear_message();
  envelope.mutable_fault()->set_position(wire_limits::position);
  EXPECT_THAT(refusal(envelope), HasSubstr("fault.position"));
  envelope.mutable_go_away()->set_reason(std::string(wire_limits::sentence_bytes + 1, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("go_away.reason"));
  envelope.mutable_go_away()->set_reason(std::string(wire_limits::small_message_bytes, 'x'));
  EXPECT_THAT(refusal(envelope), HasSubstr("more than its kind may have"));
}

TEST(Codec, RefusesTextThatIsNotUtf8) {
  // go_away.reason = FF
  EXPECT_THAT(decode_text(std::string("\x72\x03\x0a\x01\xff", 5)).error().message,
              HasSubstr("go_away.reason is not UTF-8"));
}

TEST(Codec, MakesTextFitItsLimitAndUtf8) {
  const auto decoded = decode_envelope(
      body_of(encode_frame(GoAway{"\xff" + std::string(2 * wire_limits::sentence_bytes, 'x'), 5})));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& reason = std::get<GoAway>(*decoded).reason;
  EXPECT_EQ(reason.size(), wire_limits::sentence_bytes);
  EXPECT_TRUE(reason.starts_with("\xEF\xBF\xBDxx"));
}

TEST(Codec, RefusesRowBatchesThatDoNotParse) {
  for (const auto& body : {
           std::string("\x2a\x02\x08\x80", 4),                  // varint without end
           std::string("\x2a\x03\x22\x05x", 5),                 // payload longer than the message
           std::string("\x2a\x06\x22\xff\xff\xff\xff\x0f", 8),  // payload of 4 GiB
           std::string("\x2a\x01\x0f", 3),                      // wire type 7
           std::string("\x2a\x02\x00\x00", 4),                  // field 0
       }) {
    const auto decoded = decode_text(body);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::malformed);
    EXPECT_THAT(decoded.error().message, HasSubstr("a row batch that does not parse"));
  }
}

}  // namespace
}  // namespace cecollm::transport
