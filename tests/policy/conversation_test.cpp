#include "policy/conversation.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

std::vector<std::int32_t> ids(std::int32_t count) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) ids[static_cast<std::size_t>(i)] = 100 + i;
  return ids;
}

TEST(Conversations, GoOnWithAllRowsWhereThePromptExtendsTheText) {
  auto prompt = ids(40);
  prompt.push_back(7);
  EXPECT_EQ(rows_to_resume(ids(40), 39, prompt), 39U) << "the last token had no row yet";
}

TEST(Conversations, ComputeAtLeastTheLastIdOfThePrompt) {
  EXPECT_EQ(rows_to_resume(ids(40), 39, ids(40)), 39U);
  EXPECT_EQ(rows_to_resume(ids(40), 39, ids(39)), 38U);
}

TEST(Conversations, GiveUpAFewRowsAtTheEndAndNoMore) {
  auto prompt = ids(60);
  prompt[30] = 7;
  EXPECT_EQ(rows_to_resume(ids(47), 46, prompt), 30U);
  EXPECT_FALSE(rows_to_resume(ids(48), 47, prompt));
}

TEST(Conversations, AreOthersWhereTheTextIsAnother) {
  EXPECT_FALSE(rows_to_resume(ids(40), 39, std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_FALSE(rows_to_resume(ids(40), 39, std::vector<std::int32_t>{}));
  EXPECT_FALSE(rows_to_resume(ids(10), 9, std::vector<std::int32_t>{100}))
      << "nothing to go on from";
  EXPECT_FALSE(rows_to_resume(ids(1), 0, ids(5))) << "nothing was computed";
}

}  // namespace
}  // namespace cecollm::policy
