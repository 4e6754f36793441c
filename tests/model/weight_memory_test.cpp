#include "model/weight_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

bool begins_a_cache_line(const WeightMemory::Piece& piece) {
  return reinterpret_cast<std::uintptr_t>(piece.bytes.data()) % 64 == 0;
}

TEST(WeightMemory, HandsOutZeroedPiecesOneBehindTheOther) {
  WeightMemory memory;
  const auto first = *memory.take(100);
  const auto second = *memory.take(1);
  EXPECT_TRUE(begins_a_cache_line(first));
  EXPECT_TRUE(begins_a_cache_line(second));
  EXPECT_EQ(first.bytes.size(), 100U);
  EXPECT_EQ(second.bytes.data() - first.bytes.data(), 128);
  EXPECT_TRUE(std::ranges::all_of(first.bytes, [](std::byte b) { return b == std::byte{}; }));
}

TEST(WeightMemory, GivesALargePieceABlockOfItsOwn) {
  WeightMemory memory;
  const auto small = *memory.take(100);
  const auto large = *memory.take(std::size_t{100} << 20);
  EXPECT_NE(small.block, large.block);
  EXPECT_TRUE(begins_a_cache_line(large));
  large.bytes.back() = std::byte{1};
}

TEST(WeightMemory, LivesAsLongAsAPiece) {
  WeightMemory::Piece piece;
  {
    WeightMemory memory;
    piece = *memory.take(64);
  }
  piece.bytes.front() = std::byte{7};
  EXPECT_EQ(piece.bytes.front(), std::byte{7});
}

TEST(WeightMemory, SaysWhenThereIsNoRoom) {
  WeightMemory memory;
  const auto piece = memory.take(std::size_t{1} << 60);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().code, ErrorCode::exhausted);
}

}  // namespace
}  // namespace cecollm::model
