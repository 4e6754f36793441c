// WIRE.md's examples are what the codec writes, and its numbers are the code's.

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transport/codec.hpp"
#include "transport/connection_limits.hpp"

namespace cecollm::transport {
namespace {

using ::testing::HasSubstr;

std::string document() {
  std::ifstream file(CECOLLM_SOURCE_DIR "/transport/WIRE.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The bytes of every ```hex block: what stands left of a bar.
std::vector<std::vector<char>> examples() {
  std::vector<std::vector<char>> blocks;
  std::istringstream lines(document());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "```hex") {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      std::istringstream bytes(line.substr(0, line.find('|')));
      for (std::string byte; bytes >> byte;) {
        blocks.back().push_back(static_cast<char>(std::stoi(byte, nullptr, 16)));
      }
    }
  }
  return blocks;
}

TEST(WireDocument, ShowsTheBytesThatTheCodecWrites) {
  const std::vector<std::byte> row{std::byte{0x00}, std::byte{0x3c}, std::byte{0x00},
                                   std::byte{0xc0}};
  const std::vector<Message> messages{
      RowBatch{5, 1, 300, 0, std::make_shared<const std::vector<std::byte>>(row)},
      Ask{5, 1, 301, 5000, {}},
      Reply{5, 1, 301, 1234, 0.75F, -0.25F, {}, 120, 2500, 301},
  };
  const auto shown = examples();
  ASSERT_EQ(shown.size(), messages.size());
  for (std::size_t i = 0; i < shown.size(); ++i) {
    EXPECT_EQ(encode_frame(messages[i]), shown[i]) << "example " << i;
    const auto decoded = decode_envelope(std::span(shown[i]).subspan(frame_prefix_bytes));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, messages[i]);
  }
}

TEST(WireDocument, StatesTheLimitsOfTheCode) {
  const auto text = document();
  const ConnectionLimits limits;
  EXPECT_THAT(text, HasSubstr("version " + std::to_string(protocol_version)));
  EXPECT_THAT(text, HasSubstr("`" + std::to_string(limits.max_frame_bytes) + "`"));
  EXPECT_THAT(text, HasSubstr("last ask: " + std::to_string(wire_limits::ids)));
  EXPECT_THAT(text, HasSubstr("`top_logprobs`: " + std::to_string(wire_limits::alternatives)));
  EXPECT_THAT(text, HasSubstr(std::to_string(wire_limits::sentence_bytes) + " bytes"));
  EXPECT_THAT(text, HasSubstr("at most " + std::to_string(wire_limits::name_bytes) + " bytes"));
  EXPECT_THAT(text, HasSubstr("at most " + std::to_string(wire_limits::exit_layers)));
  EXPECT_THAT(text, HasSubstr("at most " + std::to_string(wire_limits::digest_bytes) + " bytes"));
  EXPECT_THAT(text, HasSubstr("below 2^32"));
  EXPECT_EQ(wire_limits::position, 1ULL << 32U);
  EXPECT_EQ(wire_limits::prompt_message_bytes, 6U << 20U);
  EXPECT_EQ(wire_limits::small_message_bytes, 64U << 10U);
  EXPECT_EQ(limits.max_queued_bytes, 32U << 20U);
  EXPECT_EQ(limits.connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(limits.silence_limit, std::chrono::seconds(15));
  EXPECT_EQ(limits.close_timeout, std::chrono::seconds(1));
}

}  // namespace
}  // namespace cecollm::transport
