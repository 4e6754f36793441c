#include "policy/allow_list.hpp"

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

TEST(AllowList, AllowsEverybodyWhereThereIsNone) {
  EXPECT_TRUE(AllowList().allows("edge-1"));
  EXPECT_TRUE(AllowList().allows(""));
}

TEST(AllowList, AllowsWholeNamesOnly) {
  const AllowList list({"edge-1", "edge-2"});
  EXPECT_TRUE(list.allows("edge-1"));
  EXPECT_TRUE(list.allows("edge-2"));
  for (const char* other : {"edge-3", "edge-", "edge-11", "EDGE-1", " edge-1", ""}) {
    EXPECT_FALSE(list.allows(other)) << other;
  }
}

TEST(AllowList, AllowsNobodyWhereItNamesNobody) {
  const AllowList list((std::vector<std::string>()));
  EXPECT_FALSE(list.allows("edge-1"));
  EXPECT_FALSE(list.allows(""));
}

}  // namespace
}  // namespace cecollm::policy
