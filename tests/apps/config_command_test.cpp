#include "apps/config_command.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/setting_keys.hpp"
#include "tests/apps/command_line_runner.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using tests::run_command;

class ConfigCheck : public testing::Test {
 protected:
  std::string write(std::string_view text) const {
    return directory_.write("node.toml", text).string();
  }
  tests::TemporaryDirectory directory_;
};

TEST_F(ConfigCheck, SaysForWhichNodeAFileIsGood) {
  const auto edge = write("[model]\ndirectory = \"m\"\n[generation]\nseed = 1\n");
  auto result = run_command({"config", "check", edge});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, edge + ": good for the edge\n");
  const auto cloud =
      write("[model]\ndirectory = \"m\"\n[link]\nlisten = \"127.0.0.1:7070\"\ninsecure = true\n");
  result = run_command({"config", "check", cloud});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, cloud + ": good for the cloud\n");
}

TEST_F(ConfigCheck, ListsEveryProblemOnALineOfItsOwn) {
  const auto file = write("[link]\nheartbeat = 5\ncolour = \"red\"\n");
  const auto result = run_command({"config", "check", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("cecollm: " + file + ":2: link.heartbeat: "));
  EXPECT_THAT(result.err, HasSubstr("cecollm: " + file + ":3: link.colour is no setting"));
}

TEST_F(ConfigCheck, CountsTheEnvironmentAsAStartWould) {
  const auto file = write("[generation]\nseed = 1\n");
  EXPECT_EQ(run_command({"config", "check", file}).exit_code, 2);
  EXPECT_EQ(
      run_command({"config", "check", file}, "", {{"CECOLLM_MODEL_DIRECTORY", "m"}}).exit_code, 0);
}

TEST_F(ConfigCheck, RefusesOneFileForBothNodes) {
  const auto file = write("[generation]\nseed = 1\n[contexts]\nmax_total = 64\n");
  const auto result = run_command({"config", "check", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("has settings of the edge and of the cloud"));
}

TEST_F(ConfigCheck, ChecksForTheNodeThatIsNamed) {
  const auto file = write("[model]\ndirectory = \"m\"\n");
  EXPECT_EQ(run_command({"config", "check", file}).exit_code, 0);
  EXPECT_THAT(run_command({"config", "check", file, "--node", "cloud"}).err,
              HasSubstr("the address to listen on is missing"));
}

TEST_F(ConfigCheck, OpensTheFilesThatAreNamedWhereAsked) {
  const auto file = write(
      "[model]\ndirectory = \"/nowhere/model\"\n"
      "[link]\nlisten = \"127.0.0.1:7070\"\ncertificate = \"/nowhere/cloud.pem\"\n"
      "key = \"/nowhere/cloud.key\"\nauthority = \"/nowhere/ca.pem\"\n"
      "[api]\nlisten = \"127.0.0.1:8080\"\nkeys = \"/nowhere/api-keys\"\n");
  EXPECT_EQ(run_command({"config", "check", file}).exit_code, 0);
  const auto result = run_command({"config", "check", file, "--files"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("/nowhere/model/config.json"));
  EXPECT_THAT(result.err, HasSubstr("/nowhere/cloud.pem"));
  EXPECT_THAT(result.err, HasSubstr("/nowhere/api-keys"));
}

TEST_F(ConfigCheck, FindsNothingWrongWithFilesThatCanBeUsed) {
  const auto file =
      write("[model]\ndirectory = \"" CECOLLM_DEFAULT_MODEL "\"\n[generation]\nseed = 1\n");
  const auto result = run_command({"config", "check", file, "--files"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, file + ": good for the edge\n");
}

TEST(ConfigKeys, PrintTheTableOfSettings) {
  const auto result = run_command({"config", "keys"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, render_setting_table());
}

}  // namespace
}  // namespace cecollm::apps
