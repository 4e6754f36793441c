#include "apps/split_command.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/checkpoint.hpp"
#include "tests/apps/command_line_runner.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using tests::run_command;

const std::string model_dir = CECOLLM_DEFAULT_MODEL;

TEST(Split, WritesAShareForEachSide) {
  const tests::TemporaryDirectory directory;
  const std::string edge = (directory.path() / "edge").string();
  const std::string cloud = (directory.path() / "cloud").string();
  const auto result = run_command({"split", model_dir, "--edge", edge, "--cloud", cloud});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "edge   " + edge + "\ncloud  " + cloud + "\n");

  const auto edge_checkpoint = model::Checkpoint::open(edge);
  ASSERT_TRUE(edge_checkpoint) << edge_checkpoint.error().message;
  EXPECT_TRUE(edge_checkpoint->holds(model::Part::edge));
  EXPECT_FALSE(edge_checkpoint->holds(model::Part::cloud));
  const auto cloud_checkpoint = model::Checkpoint::open(cloud);
  ASSERT_TRUE(cloud_checkpoint) << cloud_checkpoint.error().message;
  EXPECT_TRUE(cloud_checkpoint->holds(model::Part::cloud));
  EXPECT_FALSE(cloud_checkpoint->holds(model::Part::edge));

  EXPECT_THAT(run_command({"inspect", edge}).out, HasSubstr("tensors are not here"));
}

TEST(Split, LeavesADirectoryThatIsNotEmptyAlone) {
  const tests::TemporaryDirectory directory;
  directory.write("precious.txt", "data");
  const auto result = run_command({"split", model_dir, "--edge", directory.path().string(),
                                   "--cloud", (directory.path() / "cloud").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr(directory.path().string()));
  EXPECT_EQ(tests::read_whole_file(directory.path() / "precious.txt"), "data");
}

TEST(Split, RefusesAModelWithoutExits) {
  const tests::TemporaryDirectory directory;
  const auto result = run_command({"split", std::string(CECOLLM_FIXTURES) + "/tiny/llama-mha",
                                   "--edge", (directory.path() / "e").string(), "--cloud",
                                   (directory.path() / "c").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_FALSE(result.err.empty());
}

}  // namespace
}  // namespace cecollm::apps
