#include "policy/mode.hpp"

#include <gtest/gtest.h>

namespace cecollm::policy {
namespace {

TEST(Mode, IsSpelledAsInFlagsAndMetrics) {
  EXPECT_EQ(name_of(Mode::standalone), "standalone");
  EXPECT_EQ(name_of(Mode::collaborative), "collaborative");
  EXPECT_EQ(name_of(Mode::cloud_only), "cloud-only");
}

TEST(Mode, IsReadBackFromItsName) {
  for (const Mode mode : all_modes) {
    EXPECT_EQ(mode_from_name(name_of(mode)), mode);
  }
}

TEST(Mode, IsNothingForOtherNames) {
  EXPECT_FALSE(mode_from_name(""));
  EXPECT_FALSE(mode_from_name("cloud_only"));
  EXPECT_FALSE(mode_from_name("Standalone"));
  EXPECT_FALSE(mode_from_name("standalone "));
}

}  // namespace
}  // namespace cecollm::policy
