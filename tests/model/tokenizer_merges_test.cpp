#include "model/tokenizer_merges.hpp"

#include <map>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace cecollm::model {
namespace {

TEST(MergeTable, FindsNothingWhenEmpty) {
  const MergeTable table;
  EXPECT_EQ(table.find(0, 0), nullptr);
}

TEST(MergeTable, KeepsThePairsApart) {
  std::mt19937 random(5);
  std::map<std::pair<TokenId, TokenId>, Merge> expected;
  constexpr std::size_t count = 3000;
  MergeTable table(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto left = static_cast<TokenId>(random() % 100);
    const auto right = static_cast<TokenId>(random() % 100);
    const Merge merge{i, static_cast<TokenId>(i + 7)};
    table.insert(left, right, merge);
    expected[{left, right}] = merge;
  }
  for (TokenId left = 0; left < 100; ++left) {
    for (TokenId right = 0; right < 100; ++right) {
      const Merge* found = table.find(left, right);
      const auto known = expected.find({left, right});
      ASSERT_EQ(found != nullptr, known != expected.end());
      if (found == nullptr) continue;
      ASSERT_EQ(found->rank, known->second.rank);
      ASSERT_EQ(found->result, known->second.result);
    }
  }
}

}  // namespace
}  // namespace cecollm::model
