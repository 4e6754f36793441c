// Bytes that no honest peer sends: decoding them ends, in bounded memory, with a message or an
// error, and never otherwise.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/allocation_probe.hpp"
#include "tests/transport/random_message.hpp"
#include "transport/codec.hpp"

namespace cecollm::transport {
namespace {

using tests::AllocationProbe;
using tests::RandomMessages;

// What a byte of a frame may cost in memory while it is decoded, growth of vectors included, and
// what any frame may cost.
constexpr std::size_t bytes_per_byte = 64;
constexpr std::size_t bytes_per_frame = 4096;

/// Decodes, checks the bound, and that what was understood can be said again.
bool survives(std::vector<char> body) {
  const AllocationProbe probe;
  const auto decoded = decode_envelope(body);
  EXPECT_LE(probe.total(), bytes_per_byte * body.size() + bytes_per_frame);
  if (!decoded) {
    EXPECT_EQ(decoded.error().code, ErrorCode::malformed);
    EXPECT_FALSE(decoded.error().message.empty());
    return false;
  }
  const auto frame = encode_frame(*decoded);
  const auto again = decode_envelope(std::span(frame).subspan(frame_prefix_bytes));
  EXPECT_TRUE(again) << again.error().message;
  if (again) {
    // As bytes: a NaN does not equal itself.
    EXPECT_EQ(encode_frame(*again), frame);
  }
  return true;
}

std::vector<char> mutated(std::vector<char> body, RandomMessages& random) {
  for (auto changes = 1 + random.below(4); changes > 0; --changes) {
    const auto at = body.empty() ? 0 : random.below(body.size());
    const auto position = body.begin() + static_cast<std::ptrdiff_t>(at);
    const auto byte = static_cast<char>(random.below(256));
    switch (body.empty() ? 1 : random.below(6)) {
      case 0:
        *position = byte;
        break;
      case 1:
        body.insert(position, byte);
        break;
      case 2:
        body.erase(position);
        break;
      case 3:
        body.resize(at);
        break;
      case 4:
        *position = static_cast<char>(*position ^ (1 << random.below(8)));
        break;
      default:
        body.insert(position, {'\xff', '\xff', '\xff', '\xff', '\x0f'});  // a large varint
    }
  }
  return body;
}

TEST(CodecMutation, SurvivesAHundredThousandMutatedMessages) {
  RandomMessages random(2025);
  int understood = 0;
  for (int i = 0; i < 100'000 && !::testing::Test::HasFailure(); ++i) {
    const auto frame = encode_frame(random.next());
    understood += survives(mutated(
        {frame.begin() + static_cast<std::ptrdiff_t>(frame_prefix_bytes), frame.end()}, random));
  }
  // Both outcomes must have been seen often, or the mutations test nothing.
  EXPECT_GT(understood, 5'000);
  EXPECT_LT(understood, 95'000);
}

TEST(CodecMutation, SurvivesRandomBytes) {
  RandomMessages random(11);
  for (int i = 0; i < 50'000 && !::testing::Test::HasFailure(); ++i) {
    std::vector<char> body(random.below(64));
    std::generate(body.begin(), body.end(), [&] { return static_cast<char>(random.below(256)); });
    if (!body.empty() && random.flag()) {
      body.front() = static_cast<char>(((1 + random.below(14)) << 3U) | 2U);  // a known field
    }
    survives(std::move(body));
  }
}

TEST(CodecMutation, BoundsTheMemoryOfMessagesMadeOfManyTinyParts) {
  // An envelope of one field whose content is `part`, again and again.
  const auto repeated = [](char tag, std::string_view part, std::size_t times) {
    std::string content;
    for (std::size_t i = 0; i < times; ++i) {
      content += part;
    }
    std::string body(1, tag);
    for (auto size = content.size(); size > 0; size >>= 7U) {
      body += static_cast<char>((size & 0x7fU) | (size > 0x7fU ? 0x80U : 0U));
    }
    body += content;
    return std::vector<char>(body.begin(), body.end());
  };
  survives(repeated('\x3a', std::string_view("\x3a\x00", 2), 30'000));      // reply.top, empty
  survives(repeated('\x3a', std::string_view("\xa8\x06\x05", 3), 20'000));  // unknown fields
  survives(repeated('\x1a', std::string_view("\x20\x05", 2), 3'000'000));   // prompt, unpacked
  survives(repeated('\x0a', std::string_view("\x2a\x00", 2), 30'000));      // hello.model
  survives(repeated('\x2a', std::string_view("\x22\x00", 2), 1'000'000));   // row_batch.payload
  // 4M parts: refused by size before anything is parsed.
  const AllocationProbe probe;
  const auto bomb = repeated('\x3a', std::string_view("\x3a\x00", 2), 4'000'000);
  const auto building = probe.total();
  EXPECT_FALSE(decode_envelope(bomb));
  EXPECT_LT(probe.total() - building, bytes_per_frame);
}

}  // namespace
}  // namespace cecollm::transport
