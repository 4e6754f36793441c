// Every kept input of every fuzz target: seeds, and what once was a finding.

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/fuzz/targets.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::fuzz {
namespace {

struct Target {
  std::string name;
  void (*run)(std::string_view input);
};
const std::vector<Target>& all_targets() {
  static const std::vector<Target> targets{{"frame_stream", frame_stream},
                                           {"wire_message", wire_message},
                                           {"safetensors", safetensors},
                                           {"model_config", model_config},
                                           {"tokenizer_json", tokenizer_json},
                                           {"chat_template", chat_template},
                                           {"completion_request", completion_request},
                                           {"http_request", http_request},
                                           {"toml_settings", toml_settings},
                                           {"link_description", link_description},
                                           {"recording", recording}};
  return targets;
}

std::vector<std::filesystem::path> inputs_of(const std::string& target) {
  std::vector<std::filesystem::path> files;
  const auto folder = std::filesystem::path(CECOLLM_FUZZ_CORPUS) / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

class FuzzCorpus : public testing::TestWithParam<Target> {};

TEST_P(FuzzCorpus, HoldsNoInputThatBreaksItsTarget) {
  const auto files = inputs_of(GetParam().name);
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const auto input = tests::read_whole_file(file);
    EXPECT_NO_THROW(GetParam().run(input));
    // Most bugs of a reader show where the bytes end.
    for (std::size_t part = 1; part < 8; ++part) {
      EXPECT_NO_THROW(GetParam().run(std::string_view(input).substr(0, input.size() * part / 8)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FuzzCorpus, testing::ValuesIn(all_targets()),
                         [](const auto& instance) { return instance.param.name; });

TEST(FuzzCorpus, HasAFolderForEachTargetAndNoOther) {
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(CECOLLM_FUZZ_CORPUS)) {
    folders.insert(entry.path().filename().string());
  }
  std::set<std::string> targets;
  for (const auto& target : all_targets()) targets.insert(target.name);
  EXPECT_EQ(folders, targets);
}

TEST(FuzzTargets, NoticeWhatDoesNotHold) {
  EXPECT_THROW(require(false, "a property"), BrokenProperty);
  EXPECT_NO_THROW(require(true, "a property"));
}

}  // namespace
}  // namespace cecollm::fuzz
