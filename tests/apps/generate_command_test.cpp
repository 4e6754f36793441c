#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/apps/command_line_runner.hpp"
#include "tests/support/cloud_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class GenerateCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<tests::CloudProcess>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

  static tests::CommandResult generate(std::vector<std::string> flags, bool with_cloud = false) {
    std::vector<std::string> arguments{"generate", "--model",      CECOLLM_DEFAULT_MODEL,
                                       "--dtype",  "fp32",         "--threads",
                                       "1",        "--max-tokens", "24"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    if (with_cloud) {
      const auto link = cloud_->edge_flags();
      arguments.insert(arguments.end(), link.begin(), link.end());
    }
    return tests::run_command(std::move(arguments));
  }

  static nlohmann::json generate_json(std::vector<std::string> flags, bool with_cloud = false) {
    flags.push_back("--json");
    const auto result = generate(std::move(flags), with_cloud);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }

  static std::vector<int> ids_of(const nlohmann::json& generation) {
    std::vector<int> ids;
    for (const auto& token : generation["tokens"]) ids.push_back(token["id"].get<int>());
    return ids;
  }

  static std::unique_ptr<tests::CloudProcess> cloud_;
};
std::unique_ptr<tests::CloudProcess> GenerateCommand::cloud_;

const std::vector<std::string> prompt{"--prompt", "Once upon a time"};

std::vector<std::string> with_prompt(std::vector<std::string> flags) {
  flags.insert(flags.end(), prompt.begin(), prompt.end());
  return flags;
}

TEST_F(GenerateCommand, PrintsTheContinuation) {
  const auto result = generate(with_prompt({"--mode", "full"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith(","));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(GenerateCommand, DescribesAGenerationInJson) {
  const auto json = generate_json(with_prompt({"--mode", "collaborative"}), true);
  EXPECT_EQ(json["usage"]["completion_tokens"], 24);
  EXPECT_EQ(json["tokens"].size(), 24U);
  EXPECT_EQ(json["mode"], "collaborative");
  EXPECT_EQ(json["counts"]["fallback"], 0);
  EXPECT_GT(json["bytes_up"], 0);
  EXPECT_GT(json["bytes_down"], 0);
  EXPECT_EQ(json["rows_up"], json["usage"]["prompt_tokens"].get<int>() +
                                 json["usage"]["completion_tokens"].get<int>() - 1);
  EXPECT_GT(json["ttft_ms"], 0.0);
  EXPECT_GT(json["tpot_ms"], 0.0);
  std::string text;
  for (const auto& token : json["tokens"]) text += token["text"].get<std::string>();
  EXPECT_THAT(json["text"].get<std::string>(), StartsWith(text));
}

TEST_F(GenerateCommand, WritesATimelineThatAgreesWithItsReport) {
  const tests::TemporaryDirectory folder;
  const auto file = folder.path() / "trace.json";
  const auto json = generate_json(
      with_prompt({"--mode", "collaborative", "--threshold", "0.8", "--trace-file", file}), true);
  const auto trace = nlohmann::json::parse(tests::read_whole_file(file));
  EXPECT_EQ(trace.at("otherData").at("dropped_events"), "0");
  double whole_begin = -1;
  double first_end = -1;
  double last_end = -1;
  std::map<std::string, int> sources;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    const double begin = event.at("ts");
    const double end = begin + event.at("dur").get<double>();
    if (event.at("name") == "generation") whole_begin = begin;
    if (event.at("name") != "token") continue;
    if (first_end < 0) first_end = end;
    last_end = end;
    ++sources[event.at("args").at("source")];
  }
  // Microseconds there, milliseconds here.
  const double first_ms = json["ttft_ms"];
  EXPECT_NEAR((first_end - whole_begin) / 1000, first_ms, 0.01);
  EXPECT_NEAR((last_end - first_end) / 1000 / 23, json["tpot_ms"].get<double>(), 1.0);
  for (const auto& [source, count] : json["counts"].items()) {
    EXPECT_EQ(sources[source], count.get<int>()) << source;
  }
}

TEST_F(GenerateCommand, RefusesATimelineInNoFolderBeforeItLoadsTheModel) {
  const auto result =
      generate(with_prompt({"--mode", "standalone", "--trace-file", "/no/such/folder/trace.json"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--trace-file"));
  EXPECT_THAT(result.err, HasSubstr("/no/such/folder/trace.json"));
}

TEST_F(GenerateCommand, AsksTheCloudForEveryTokenAboveOneAndGivesTheFullModelsText) {
  const auto full = generate_json(with_prompt({"--mode", "full"}));
  const auto cloud =
      generate_json(with_prompt({"--mode", "collaborative", "--threshold", "2"}), true);
  EXPECT_EQ(cloud["counts"]["cloud"], 24);
  EXPECT_EQ(ids_of(cloud), ids_of(full));
}

TEST_F(GenerateCommand, StreamsFromACloudThatRunsEverything) {
  const auto full = generate_json(with_prompt({"--mode", "full"}));
  const auto cloud = generate_json(with_prompt({"--mode", "cloud-only"}), true);
  EXPECT_EQ(cloud["counts"]["cloud"], 24);
  EXPECT_EQ(ids_of(cloud), ids_of(full));
  EXPECT_EQ(cloud["rows_up"], 0);
}

TEST_F(GenerateCommand, GivesTheReferencesSourcesInFullModeWithThresholds) {
  const auto reference = generate_json(with_prompt({"--mode", "full", "--threshold", "0.8"}));
  const auto collaborative =
      generate_json(with_prompt({"--mode", "collaborative", "--threshold", "0.8"}), true);
  EXPECT_EQ(ids_of(collaborative), ids_of(reference));
  for (std::size_t i = 0; i < reference["tokens"].size(); ++i) {
    EXPECT_EQ(collaborative["tokens"][i]["source"], reference["tokens"][i]["source"]) << i;
  }
}

TEST_F(GenerateCommand, DrawsTheSameTokensWhereverTheyAreDecided) {
  const std::vector<std::string> sampling{"--temperature",
                                          "0.9",
                                          "--top-p",
                                          "0.95",
                                          "--seed",
                                          "1234",
                                          "--repetition-penalty",
                                          "1.1",
                                          "--presence-penalty",
                                          "0.3"};
  auto full = with_prompt({"--mode", "full"});
  full.insert(full.end(), sampling.begin(), sampling.end());
  auto split = with_prompt({"--mode", "collaborative", "--threshold", "2"});
  split.insert(split.end(), sampling.begin(), sampling.end());
  auto remote = with_prompt({"--mode", "cloud-only"});
  remote.insert(remote.end(), sampling.begin(), sampling.end());
  const auto expected = ids_of(generate_json(full));
  EXPECT_EQ(ids_of(generate_json(split, true)), expected);
  EXPECT_EQ(ids_of(generate_json(remote, true)), expected);
}

TEST_F(GenerateCommand, StopsAtAStopStringAndWithholdsIt) {
  const auto free = generate_json(with_prompt({"--mode", "standalone"}));
  const auto text = free["text"].get<std::string>();
  const auto stop = text.substr(text.size() / 2, 4);
  const auto stopped = generate_json(with_prompt({"--mode", "standalone", "--stop", stop}));
  EXPECT_EQ(stopped["finish_reason"], "stop_string");
  EXPECT_EQ(stopped["text"].get<std::string>(), text.substr(0, text.find(stop)));
}

TEST_F(GenerateCommand, GoesOnWithoutAnUnreachableCloud) {
  const auto result =
      generate({"--mode", "collaborative", "--cloud", "127.0.0.1:1", "--insecure", "--threshold",
                "0.9", "--json", "--prompt", "The captain of the ship"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("warning"));
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_GT(json["counts"]["fallback"], 0);
  EXPECT_EQ(json["counts"]["cloud"], 0);
  EXPECT_EQ(json["tokens"].size(), 24U);
}

TEST_F(GenerateCommand, RefusesAnotherCutAndNamesBoth) {
  const auto result =
      generate(with_prompt({"--mode", "collaborative", "--exit-layers", "2,5"}), true);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("[2,5]"), HasSubstr("[3,6]")));
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(GenerateCommand, RefusesACloudOnlyRequestWhereTheCloudServesNone) {
  const tests::CloudProcess cloud({"--no-cloud-only"});
  auto flags = with_prompt({"generate", "--model", CECOLLM_DEFAULT_MODEL, "--mode", "cloud-only"});
  const auto link = cloud.edge_flags();
  flags.insert(flags.end(), link.begin(), link.end());
  const auto result = tests::run_command(flags);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("does not serve cloud-only"));
}

TEST_F(GenerateCommand, RefusesAStrangersCertificate) {
  const tests::CloudProcess other;  // its own authority
  auto flags = with_prompt({"--mode", "collaborative", "--cloud", other.address()});
  for (const auto& [flag, file] : {std::pair{"--cert", "edge.pem"}, std::pair{"--key", "edge.key"},
                                   std::pair{"--ca", "ca.pem"}}) {
    flags.emplace_back(flag);
    flags.push_back(cloud_->pki(file));
  }
  const auto result = generate(flags);
  EXPECT_EQ(result.exit_code, 0) << "a cloud that cannot be trusted is as good as none";
  EXPECT_THAT(result.err, HasSubstr("certificate"));
}

TEST_F(GenerateCommand, NamesAThresholdCountThatDoesNotFit) {
  const auto result = generate(with_prompt({"--mode", "standalone", "--threshold", "0.5,0.6,0.7"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("--threshold"), HasSubstr("3"), HasSubstr("2")));
}

TEST_F(GenerateCommand, NamesAPromptThatIsTooLong) {
  std::string ids = "1";
  for (int i = 0; i < 600; ++i) ids += ",1";
  const auto result = generate({"--mode", "standalone", "--prompt-ids", ids});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("512"));
}

TEST_F(GenerateCommand, NeedsNoTokenizerForAPromptOfIds) {
  const std::string model = std::string(CECOLLM_FIXTURES) + "/tiny/llama-mha";
  for (const std::string mode : {"full", "standalone"}) {
    const auto ids = tests::run_command({"generate", "--model", model, "--exit-layers", "2,4",
                                         "--dtype", "fp32", "--mode", mode, "--max-tokens", "5",
                                         "--ignore-eos", "--prompt-ids", "105", "--json"});
    ASSERT_EQ(ids.exit_code, 0) << ids.err;
    EXPECT_EQ(nlohmann::json::parse(ids.out)["tokens"].size(), 5U);
    const auto text = tests::run_command({"generate", "--model", model, "--exit-layers", "2,4",
                                          "--mode", mode, "--prompt", "Hello"});
    EXPECT_EQ(text.exit_code, 2);
    EXPECT_THAT(text.err, HasSubstr("tokenizer.json"));
  }
}

TEST_F(GenerateCommand, WantsExactlyOnePrompt) {
  const auto none = generate({"--mode", "standalone"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("--prompt"));
  const auto two = generate(with_prompt({"--mode", "standalone", "--prompt-ids", "1,2"}));
  EXPECT_EQ(two.exit_code, 2);
}

TEST_F(GenerateCommand, NamesATokenOutsideTheVocabulary) {
  const auto result = generate({"--mode", "standalone", "--prompt-ids", "99999"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("99999"));
}

}  // namespace
}  // namespace cecollm::apps
