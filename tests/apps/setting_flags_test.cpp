#include "apps/setting_flags.hpp"

#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::apps {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::Not;

class SettingFlags : public testing::Test {
 protected:
  SettingSources parse(Node node, std::vector<std::string> arguments) {
    CLI::App command;
    add_setting_flags(command, node);
    std::reverse(arguments.begin(), arguments.end());
    command.parse(std::move(arguments));
    return given_settings(command, node, {in_, out_, out_, false, {{"CECOLLM_X", "y"}}});
  }
  std::istringstream in_;
  std::ostringstream out_;
};

TEST_F(SettingFlags, AreEmptyWhereNothingWasGiven) {
  const auto sources = parse(Node::edge, {});
  EXPECT_THAT(sources.flags, IsEmpty());
  EXPECT_EQ(sources.file, std::nullopt);
  EXPECT_EQ(sources.environment, (Environment{{"CECOLLM_X", "y"}}));
}

TEST_F(SettingFlags, AreKeptByTheNameOfTheirSetting) {
  const auto sources = parse(Node::edge, {"--model", "m", "--config", "edge.toml"});
  EXPECT_EQ(sources.flags, (GivenFlags{{"model.directory", {"m"}}}));
  EXPECT_EQ(sources.file, "edge.toml");
}

TEST_F(SettingFlags, TurnSwitchesAwayFromTheirDefault) {
  EXPECT_THAT(parse(Node::edge, {"--insecure"}).flags.at("link.insecure"), ElementsAre("true"));
  EXPECT_THAT(parse(Node::cloud, {"--no-cloud-only"}).flags.at("model.cloud_only"),
              ElementsAre("false"));
}

TEST_F(SettingFlags, TakeValuesThatLookLikeFlags) {
  EXPECT_THAT(parse(Node::edge, {"--threshold", "-1"}).flags.at("generation.thresholds"),
              ElementsAre("-1"));
  EXPECT_THAT(parse(Node::edge, {"--stop", "--"}).flags.at("generation.stop"), ElementsAre("--"));
}

TEST_F(SettingFlags, CollectTextsAndLetTheLastOfOthersWin) {
  EXPECT_THAT(parse(Node::edge, {"--stop", "a,b", "--stop", "[c]"}).flags.at("generation.stop"),
              ElementsAre("a,b", "[c]"));
  const auto repeated = parse(Node::edge, {"--seed", "1", "--seed", "2"});
  EXPECT_EQ(repeated.flags.at("generation.seed").back(), "2");
}

TEST(SettingHelp, SaysWhatAFlagTurnsOff) {
  CLI::App command;
  add_setting_flags(command, Node::edge);
  EXPECT_THAT(command.get_option("--no-ask-ahead")->get_description(),
              EndsWith(" [on; this turns it off]"));
  EXPECT_THAT(command.get_option("--insecure")->get_description(), Not(EndsWith("]")));
}

TEST(SettingHelp, ShowsTheDefaultsOfTheCommand) {
  CLI::App command;
  add_setting_flags(command, Node::edge,
                    {{"generation.token_deadline", "1h"}, {"supervisor.adaptive", "false"}});
  EXPECT_THAT(command.get_option("--token-deadline")->get_description(), EndsWith(" [1h]"));
  EXPECT_THAT(command.get_option("--no-adapt")->get_description(), EndsWith(" [off]"));
  EXPECT_THAT(command.get_option("--max-tokens")->get_description(), EndsWith(" [128]"));
}

TEST_F(SettingFlags, AreReadBehindTheDefaultsOfTheCommand) {
  CLI::App command;
  const SettingDefaults own{{"generation.max_tokens", "2"}};
  add_setting_flags(command, Node::edge, own);
  command.parse(std::vector<std::string>{});
  EXPECT_EQ(given_settings(command, Node::edge, {in_, out_, out_, false, {}}, own).command_defaults,
            own);
}

TEST_F(SettingFlags, BelongToOneNodeOnly) {
  EXPECT_THROW(parse(Node::edge, {"--listen", "a:1"}), CLI::ExtrasError);
  EXPECT_THROW(parse(Node::cloud, {"--mode", "standalone"}), CLI::ExtrasError);
}

}  // namespace
}  // namespace cecollm::apps
