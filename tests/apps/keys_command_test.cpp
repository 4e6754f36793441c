// `cecollm keys` and the file that it keeps.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "apps/key_file.hpp"
#include "tests/apps/command_line_runner.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

using std::filesystem::perms;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using tests::run_command;

class KeysCommand : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "api-keys"; }
  tests::CommandResult keys(const std::string& verb, const std::vector<std::string>& names = {}) {
    std::vector<std::string> arguments{"keys", verb, file().string()};
    arguments.insert(arguments.end(), names.begin(), names.end());
    return run_command(arguments);
  }
  /// The key in clear.
  std::string added(const std::string& name) {
    const auto result = keys("add", {name});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out.substr(0, result.out.find('\n'));
  }
  std::string text() const { return tests::read_whole_file(file()); }
  void expect_refused(const tests::CommandResult& result, const std::string& why) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, HasSubstr(why));
  }

  tests::TemporaryDirectory directory_;
};

TEST_F(KeysCommand, PrintsANewKeyOnceAndKeepsItsHashForItsOwnerAlone) {
  const auto secret = added("alice");
  EXPECT_THAT(secret, MatchesRegex("cecollm-[0-9a-f]{64}"));
  EXPECT_THAT(text(), HasSubstr("\nalice 20"));
  EXPECT_THAT(text(), Not(HasSubstr(secret)));
  EXPECT_EQ(std::filesystem::status(file()).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(load_api_keys(file())->name_of(secret), "alice");
}

TEST_F(KeysCommand, ListsNamesAndTimesAlone) {
  const auto secret = added("alice");
  added("bob");
  const auto listed = keys("list");
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out, MatchesRegex("20[-0-9]*T[0-9:]*Z  alice\n20[-0-9]*T[0-9:]*Z  bob\n"));
  EXPECT_THAT(listed.out, Not(HasSubstr(secret)));
}

TEST_F(KeysCommand, RemovesAKeyAndLeavesTheRestAsItIs) {
  const auto alice = added("alice");
  const auto bob = added("bob");
  directory_.write("api-keys", "# ours\n" + text() + "# the end\n");
  EXPECT_EQ(keys("remove", {"alice"}).exit_code, 0);
  EXPECT_EQ(load_api_keys(file())->name_of(alice), std::nullopt);
  EXPECT_EQ(load_api_keys(file())->name_of(bob), "bob");
  EXPECT_THAT(text(), testing::StartsWith("# ours\n# Keys of"));
  EXPECT_THAT(text(), EndsWith("# the end\n"));
}

TEST_F(KeysCommand, AddsToAFileThatDoesNotEndItsLastLine) {
  const auto alice = added("alice");
  auto cut = text();
  cut.pop_back();
  directory_.write("api-keys", cut);
  const auto bob = added("bob");
  EXPECT_EQ(load_api_keys(file())->name_of(alice), "alice");
  EXPECT_EQ(load_api_keys(file())->name_of(bob), "bob");
}

TEST_F(KeysCommand, KeepsTheRightsOfTheFile) {
  added("alice");
  const auto shared = perms::owner_read | perms::owner_write | perms::group_read;
  std::filesystem::permissions(file(), shared);
  added("bob");
  EXPECT_EQ(std::filesystem::status(file()).permissions(), shared);
}

TEST_F(KeysCommand, ReplacesWhatALinkNames) {
  added("alice");
  const auto link = directory_.path() / "link";
  std::filesystem::create_symlink(file(), link);
  EXPECT_EQ(run_command({"keys", "add", link.string(), "bob"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(load_api_keys(file())->all().size(), 2U);
}

TEST_F(KeysCommand, RefusesNamesThatAreTakenOrStrange) {
  added("alice");
  const auto before = text();
  expect_refused(keys("add", {"alice"}), "has a key called alice already; remove it first");
  expect_refused(keys("add", {"a b"}), "the name of a key has 1 to 64 letters");
  expect_refused(keys("remove", {"bob"}), "has no key called bob");
  EXPECT_EQ(text(), before);
}

TEST_F(KeysCommand, RefusesAFileThatItCannotUse) {
  expect_refused(keys("list"), "does not exist; 'cecollm keys add' makes it");
  expect_refused(keys("remove", {"alice"}), "does not exist");
  directory_.write("api-keys", "[api]\n");
  expect_refused(keys("list"), "api-keys:1: this is no key");
  expect_refused(keys("add", {"alice"}), "api-keys:1: this is no key");
  EXPECT_EQ(text(), "[api]\n");
  expect_refused(run_command({"keys", "list", directory_.path().string()}), "cannot be read");
  expect_refused(run_command({"keys", "add", "/nowhere/keys", "alice"}), "cannot be written");
}

TEST_F(KeysCommand, LeavesNothingBehindAndNoticesAnotherChange) {
  added("alice");
  keys("add", {"alice"});
  EXPECT_FALSE(std::filesystem::exists(file().string() + ".new"));
  directory_.write("api-keys.new", "");
  expect_refused(keys("add", {"bob"}), "api-keys.new is there: another change is under way");
  EXPECT_EQ(load_api_keys(file())->all().size(), 1U);
}

TEST_F(KeysCommand, SaysWhichFileIsTooLong) {
  directory_.write("api-keys", std::string((4U << 20U) + 1, '#'));
  expect_refused(keys("list"), "is longer than a file of keys can be");
}

}  // namespace
}  // namespace cecollm::apps
