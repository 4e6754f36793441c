#include "model/row_backlog.hpp"

#include <random>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

/// `count` rows of two bytes, which count up from `first`.
Rows rows_from(int first, int count) {
  std::vector<std::byte> bytes;
  for (int i = 0; i < count; ++i) bytes.insert(bytes.end(), 2, static_cast<std::byte>(first + i));
  return {count, find_row_codec("fp16"),
          std::make_shared<const std::vector<std::byte>>(std::move(bytes)), 0};
}

TEST(RowBacklog, GivesAWholeChunkWithoutACopy) {
  RowBacklog backlog;
  const auto rows = rows_from(0, 3);
  backlog.push(rows);
  EXPECT_EQ(backlog.take(3).bytes, rows.bytes);
  EXPECT_EQ(backlog.count(), 0);
}

TEST(RowBacklog, GivesNothingWhereNothingWaits) {
  RowBacklog backlog;
  EXPECT_EQ(backlog.take(5).count, 0);
  backlog.push({});
  EXPECT_EQ(backlog.count(), 0);
  backlog.push(rows_from(0, 2));
  EXPECT_EQ(backlog.take(0).count, 0);
  EXPECT_EQ(backlog.count(), 2);
}

TEST(RowBacklog, KeepsTheOrderHoweverItIsCut) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    RowBacklog backlog;
    int pushed = 0;
    int taken = 0;
    while (taken < 100) {
      if (pushed < 100 && random() % 2 == 0) {
        const int count = std::min<int>(100 - pushed, 1 + static_cast<int>(random() % 9));
        backlog.push(rows_from(pushed, count));
        pushed += count;
      }
      const auto limit = static_cast<std::int64_t>(random() % 12);
      const auto rows = backlog.take(limit);
      ASSERT_LE(rows.count, limit);
      if (rows.count == 0) continue;
      ASSERT_EQ(rows.codec, find_row_codec("fp16"));
      ASSERT_EQ(std::ssize(*rows.bytes), rows.count * 2);
      for (std::int64_t i = 0; i < rows.count; ++i) {
        ASSERT_EQ((*rows.bytes)[static_cast<std::size_t>(2 * i)], static_cast<std::byte>(taken++));
      }
      ASSERT_EQ(backlog.count(), pushed - taken);
    }
  }
}

}  // namespace
}  // namespace cecollm::model
