#include "transport/frame_reader.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/allocation_probe.hpp"
#include "tests/support/framed.hpp"

namespace cecollm::transport {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::AllocationProbe;

std::string frame(std::string_view body) {
  const auto bytes = tests::framed(body);
  return {bytes.begin(), bytes.end()};
}

struct Reading {
  explicit Reading(std::uint32_t bound) : reader(bound) {}
  Result<void> read(std::string_view bytes) {
    return reader.read(bytes, [this](std::vector<char> envelope) {
      frames.emplace_back(envelope.begin(), envelope.end());
    });
  }
  FrameReader reader;
  std::vector<std::string> frames;
};

TEST(FrameReader, FindsFramesHoweverTheStreamIsCut) {
  const auto stream = frame("abc") + frame("z") + frame(std::string(70'000, 'y')) + frame("end");
  for (const std::size_t step : {1UL, 2UL, 3UL, 5UL, 4096UL, stream.size()}) {
    Reading reading(100'000);
    for (std::size_t at = 0; at < stream.size(); at += step) {
      ASSERT_TRUE(reading.read(std::string_view(stream).substr(at, step)));
    }
    EXPECT_THAT(reading.frames, ElementsAre("abc", "z", std::string(70'000, 'y'), "end")) << step;
  }
}

TEST(FrameReader, AcceptsAFrameOfExactlyTheBound) {
  Reading reading(5);
  EXPECT_TRUE(reading.read(frame("12345")));
  EXPECT_THAT(reading.frames, ElementsAre("12345"));
}

TEST(FrameReader, RefusesLongerFramesAtTheirPrefixWithoutAllocating) {
  for (const auto& prefix : {std::string("\xff\xff\xff\xff", 4), std::string("\0\0\0\x06", 4)}) {
    Reading reading(5);
    ASSERT_TRUE(reading.read(std::string_view(prefix).substr(0, 3)));
    const AllocationProbe probe;
    const auto result = reading.read(std::string_view(prefix).substr(3));
    EXPECT_LT(probe.largest(), 256U);  // the error's sentence
    EXPECT_EQ(reading.reader.buffered_bytes(), 0U);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::frame_too_large);
    EXPECT_THAT(result.error().message, HasSubstr("more than 5"));
  }
}

TEST(FrameReader, RefusesFramesOfNoBytes) {
  Reading reading(5);
  const auto result = reading.read(std::string("\0\0\0\0", 4));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::malformed);
  EXPECT_THAT(reading.frames, IsEmpty());
}

TEST(FrameReader, DeliversTheFramesBeforeABadOne) {
  Reading reading(5);
  EXPECT_FALSE(reading.read(frame("abc") + std::string("\xff\xff\xff\xff", 4)));
  EXPECT_THAT(reading.frames, ElementsAre("abc"));
}

TEST(FrameReader, HoldsMemoryForWhatCameNotForWhatWasAnnounced) {
  Reading reading(64U << 20U);
  ASSERT_TRUE(reading.read(std::string("\x04\0\0\0", 4)));  // 64 MiB
  EXPECT_EQ(reading.reader.buffered_bytes(), 0U);
  std::size_t sent = 0;
  for (const std::size_t piece : {1UL, 1000UL, 100'000UL, 1'000'000UL}) {
    ASSERT_TRUE(reading.read(std::string(piece, 'x')));
    sent += piece;
    EXPECT_LE(reading.reader.buffered_bytes(), std::max<std::size_t>(16U << 10U, 2 * sent));
  }
}

}  // namespace
}  // namespace cecollm::transport
