#include "bench/paper/paper_flags.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names_of(const PaperFlags& flags) {
  const auto modes = modes_of(flags);
  std::vector<std::string> names;
  for (const auto& mode : *modes) names.push_back(mode.name);
  return names;
}

TEST(PaperFlags, NameOneCollaborativeModeForEachThreshold) {
  PaperFlags flags;
  flags.thetas = "0.8,1.0";
  EXPECT_THAT(names_of(flags),
              ElementsAre("cloud-only", "naive", "standalone", "collaborative θ=0.8",
                          "collaborative θ=1.0", "asking-ahead θ=0.8", "asking-ahead θ=1.0"));
  EXPECT_FLOAT_EQ(modes_of(flags)->at(3).threshold, 0.8F);
}

TEST(PaperFlags, ChooseSomeModesInTheTablesOrder) {
  PaperFlags flags;
  flags.modes = "standalone,cloud-only";
  EXPECT_THAT(names_of(flags), ElementsAre("cloud-only", "standalone"));
}

TEST(PaperFlags, ReplayedExitsNeedNoThresholds) {
  PaperFlags flags;
  flags.replay_exits = 0.5;
  flags.modes = "collaborative";
  EXPECT_THAT(names_of(flags), ElementsAre("collaborative"));
  EXPECT_EQ(replay_of(flags)->request_rate, 0.5);
  EXPECT_FALSE(replay_of(PaperFlags{}));
}

TEST(PaperFlags, RefuseWhatTheyDoNotKnow) {
  PaperFlags flags;
  flags.modes = "cloud-only,full";
  EXPECT_THAT(modes_of(flags).error().message, HasSubstr("'full' is none of cloud-only"));
  flags = {};
  flags.thetas = "0.8,high";
  EXPECT_THAT(modes_of(flags).error().message, HasSubstr("--theta: 'high' is no number"));
  flags.thetas = "0.8,";
  EXPECT_FALSE(modes_of(flags));
}

}  // namespace
}  // namespace cecollm::bench
