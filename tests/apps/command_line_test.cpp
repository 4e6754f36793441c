#include "apps/command_line.hpp"

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/apps/command_line_runner.hpp"

namespace cecollm::apps {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;
using tests::CommandResult;
using tests::run_command;

const std::vector<std::vector<std::string>> all_commands{
    {"cloud"},    {"edge"},        {"generate"},        {"demo"},
    {"tokenize"}, {"detokenize"},  {"inspect"},         {"split"},
    {"record"},   {"load"},        {"config", "check"}, {"config", "keys"},
    {"metrics"},  {"keys", "add"}, {"keys", "list"},    {"keys", "remove"}};

void expect_misuse(const CommandResult& result) {
  EXPECT_EQ(result.exit_code, 2) << result.err;
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, StartsWith("cecollm: "));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST(CommandLine, TellsItsVersion) {
  const auto result = run_command({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(std::regex_match(result.out, std::regex("cecollm \\d+\\.\\d+\\.\\d+\n")))
      << result.out;
}

TEST(CommandLine, ListsItsSubcommands) {
  const auto result = run_command({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const auto& command : all_commands) {
    EXPECT_THAT(result.out, HasSubstr("\n  " + command.front())) << command.front();
  }
}

TEST(CommandLine, ShowsExamplesInTheHelpOfEverySubcommand) {
  for (auto command : all_commands) {
    std::string spoken = "cecollm";
    for (const std::string& word : command) spoken += " " + word;
    command.emplace_back("--help");
    const auto result = run_command(command);
    EXPECT_EQ(result.exit_code, 0) << spoken;
    EXPECT_THAT(result.err, IsEmpty()) << spoken;
    const auto examples = result.out.find("Examples:\n");
    ASSERT_NE(examples, std::string::npos) << spoken << " has no examples";
    EXPECT_THAT(result.out.substr(examples), HasSubstr(spoken)) << spoken;
  }
}

TEST(CommandLine, AnswersMistakesWithOneLineAndTwo) {
  expect_misuse(run_command({}));
  expect_misuse(run_command({"nonsense"}));
  expect_misuse(run_command({"--nonsense"}));
  expect_misuse(run_command({"inspect"}));
  expect_misuse(run_command({"inspect", "--nonsense"}));
  expect_misuse(run_command({"tokenize"}));
  expect_misuse(run_command({"tokenize", "--model", "a", "--tokenizer", "b"}));
  expect_misuse(run_command({"config"}));
  expect_misuse(run_command({"config", "check"}));
  expect_misuse(run_command({"config", "check", "x.toml", "--node", "fog"}));
  expect_misuse(run_command({"split", "dir", "--edge", "out"}));
}

TEST(CommandLine, PointsToTheHelpOfTheSubcommandThatWasMisused) {
  EXPECT_THAT(run_command({"inspect", "dir", "--nonsense"}).err,
              EndsWith("; see 'cecollm inspect --help'\n"));
  EXPECT_THAT(run_command({"config", "check"}).err,
              EndsWith("; see 'cecollm config check --help'\n"));
  EXPECT_THAT(run_command({"nonsense"}).err, EndsWith("; see 'cecollm --help'\n"));
}

TEST(CommandLine, NamesAnUnknownSubcommand) {
  EXPECT_EQ(run_command({"nonsense"}).err,
            "cecollm: 'nonsense' is no subcommand; see 'cecollm --help'\n");
  EXPECT_EQ(run_command({"config", "nonsense"}).err,
            "cecollm: 'nonsense' is no subcommand; see 'cecollm config --help'\n");
}

TEST(CommandLine, NamesTheSettingFlagsOfEdgeAndCloud) {
  const std::string edge = run_command({"edge", "--help"}).out;
  const std::string cloud = run_command({"cloud", "--help"}).out;
  for (const SettingKey& key : setting_keys()) {
    const std::string flag = " " + std::string(key.flag) + " ";
    EXPECT_EQ(edge.find(flag) != std::string::npos, applies(key, Node::edge)) << key.flag;
    EXPECT_EQ(cloud.find(flag) != std::string::npos, applies(key, Node::cloud)) << key.flag;
  }
}

TEST(CommandLine, PassesFailuresOfTheModelOnAsMisuse) {
  expect_misuse(run_command({"inspect", "no/such/directory"}));
  expect_misuse(run_command({"tokenize", "--tokenizer", "no/such/file"}));
}

TEST(CommandLine, FailsWhereItsOutputCannotBeWritten) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(run_command_line({"config", "keys"}, {in, out, err}), 1);
  EXPECT_EQ(err.str(), "cecollm: standard output cannot be written\n");
}

}  // namespace
}  // namespace cecollm::apps
