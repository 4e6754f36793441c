// cecollm tokenize and detokenize with the default model's tokenizer.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/apps/command_line_runner.hpp"

namespace cecollm::apps {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using tests::run_command;

const std::string model = CECOLLM_DEFAULT_MODEL;

TEST(Tokenize, PrintsTheIdsOfStandardInput) {
  const auto result = run_command({"tokenize", "--model", model}, "Once upon a time");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "0 1167 1001 259 541\n");
}

TEST(Tokenize, TakesTheFileOfATokenizer) {
  EXPECT_EQ(run_command({"tokenize", "--tokenizer", model + "/tokenizer.json"}, "Once upon").out,
            "0 1167 1001\n");
}

TEST(Tokenize, LeavesSpecialTokensOut) {
  EXPECT_EQ(run_command({"tokenize", "--model", model, "--no-special"}, "Once upon a time").out,
            "1167 1001 259 541\n");
}

TEST(Tokenize, PrintsOneJsonObject) {
  const auto result = run_command({"tokenize", "--model", model, "--json"}, "Once upon a time");
  const auto object = nlohmann::json::parse(result.out);
  EXPECT_EQ(object.at("ids"), (std::vector<int>{0, 1167, 1001, 259, 541}));
  EXPECT_EQ(object.at("tokens").size(), 5U);
}

TEST(Tokenize, TakesAnyBytesIncludingLineEndsAndZeros) {
  EXPECT_EQ(run_command({"tokenize", "--model", model, "--no-special"}, "").out, "\n");
  const std::string text("a\0b\n\r\n\xff", 7);
  EXPECT_EQ(run_command({"tokenize", "--model", model, "--json"}, text).exit_code, 0);
}

TEST(Detokenize, TakesIdsAsArgumentsOrFromStandardInput) {
  const std::vector<std::string> base{"detokenize", "--model", model};
  auto arguments = base;
  for (const char* id : {"1167", "1001", "259", "541"}) arguments.emplace_back(id);
  EXPECT_EQ(run_command(arguments).out, "Once upon a time");
  EXPECT_EQ(run_command(base, "1167 1001\n259 541\n").out, "Once upon a time");
  EXPECT_EQ(run_command(base, "[1167, 1001,259,541]").out, "Once upon a time");
  EXPECT_EQ(run_command(base, "").out, "");
}

TEST(Detokenize, GivesBackWhatTokenizeWasGiven) {
  const std::string text = "Zwei Füße —\n\n\tünïcödé 🐝 and \"quotes\".";
  const auto ids = run_command({"tokenize", "--model", model}, text).out;
  EXPECT_EQ(run_command({"detokenize", "--model", model, "--no-special"}, ids).out, text);
}

TEST(Detokenize, ShowsSpecialTokensUnlessToldNotTo) {
  const auto shown = run_command({"detokenize", "--model", model, "0", "1167"}).out;
  EXPECT_THAT(shown, HasSubstr("Once"));
  EXPECT_NE(shown, "Once");
  EXPECT_EQ(run_command({"detokenize", "--model", model, "--no-special", "0", "1167"}).out, "Once");
}

TEST(Detokenize, RefusesWhatIsNoTokenId) {
  auto result = run_command({"detokenize", "--model", model}, "12 x34");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "cecollm: 'x34' is no token id; give whole numbers\n");
  result = run_command({"detokenize", "--model", model}, "4096");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.err, "cecollm: token id 4096 is outside the vocabulary of 4096\n");
  result = run_command({"detokenize", "--model", model}, "-1");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(run_command({"detokenize", "--model", model}, "99999999999").exit_code, 2);
}

TEST(TokenizerCommands, NameTheFileThatIsMissing) {
  for (const char* command : {"tokenize", "detokenize"}) {
    const auto result = run_command({command, "--model", "no/such/model"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, StartsWith("cecollm: "));
    EXPECT_THAT(result.err, HasSubstr("no/such/model"));
  }
}

}  // namespace
}  // namespace cecollm::apps
