#include "actors/upload_log.hpp"

#include <gtest/gtest.h>

namespace cecollm::actors {
namespace {

constexpr std::size_t logged_row_bytes = 4;

std::vector<std::byte> rows(std::uint8_t first, std::size_t count) {
  std::vector<std::byte> bytes;
  for (std::size_t row = 0; row < count; ++row) {
    bytes.insert(bytes.end(), logged_row_bytes, static_cast<std::byte>(first + row));
  }
  return bytes;
}

TEST(UploadLog, SendsRowsOnceAndInOrder) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 3));
  const auto first = log.next_batch(2 * logged_row_bytes);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first_sequence, 0U);
  EXPECT_EQ(first->count, 2U);
  EXPECT_EQ(*first->payload, rows(0, 2));
  log.append(rows(3, 1));
  const auto second = log.next_batch(100);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->first_sequence, 2U);
  EXPECT_EQ(*second->payload, rows(2, 2));
  EXPECT_EQ(second->resent, 0U);
  EXPECT_FALSE(log.next_batch(100));
}

TEST(UploadLog, SendsOneRowEvenWhereTheBoundIsSmaller) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 2));
  EXPECT_EQ(log.next_batch(1)->count, 1U);
}

TEST(UploadLog, CountsBytesUntilTheyAreConfirmed) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 4));
  (void)log.next_batch(3 * logged_row_bytes);
  EXPECT_EQ(log.in_flight_bytes(), 3 * logged_row_bytes);
  EXPECT_EQ(log.acknowledge(2), 2 * logged_row_bytes);
  EXPECT_EQ(log.in_flight_bytes(), logged_row_bytes);
  EXPECT_EQ(log.acknowledge(2), 0U) << "a repeated confirmation confirms nothing new";
  EXPECT_EQ(log.acknowledge(99), logged_row_bytes) << "rows that were not sent cannot be confirmed";
  EXPECT_EQ(log.in_flight_bytes(), 0U);
}

TEST(UploadLog, ResendsWhatTheCloudHasLost) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 5));
  (void)log.next_batch(100);
  ASSERT_TRUE(log.resume_from(2));
  log.append(rows(5, 1));
  const auto batch = log.next_batch(100);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->first_sequence, 2U);
  EXPECT_EQ(*batch->payload, rows(2, 4));
  EXPECT_EQ(batch->resent, 3U);
}

TEST(UploadLog, SkipsWhatTheCloudHasKept) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 3));
  ASSERT_TRUE(log.resume_from(3));
  EXPECT_FALSE(log.next_batch(100));
  EXPECT_EQ(log.unsent(), 0U);
}

TEST(UploadLog, RefusesToResumeBeyondItsRows) {
  UploadLog log(logged_row_bytes);
  log.append(rows(0, 3));
  EXPECT_FALSE(log.resume_from(4));
  EXPECT_EQ(log.unsent(), 3U);
}

}  // namespace
}  // namespace cecollm::actors
