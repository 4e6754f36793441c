// The documents about settings say what the table says.

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/setting_keys.hpp"
#include "apps/settings.hpp"
#include "apps/toml_settings.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::apps {
namespace {

const std::filesystem::path source_dir = CECOLLM_SOURCE_DIR;

TEST(SettingKeys, AreUniqueInNameAndFlag) {
  std::set<std::string_view> names;
  std::set<std::string_view> flags;
  for (const SettingKey& key : setting_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(flags.insert(key.flag).second) << key.flag;
    EXPECT_TRUE(std::regex_match(std::string(key.name), std::regex("[a-z]+\\.[a-z_]+")))
        << key.name;
    EXPECT_TRUE(key.flag.starts_with("--")) << key.name;
    EXPECT_FALSE(key.help.empty() || key.help.ends_with('.')) << key.name;
  }
}

TEST(SettingKeys, HaveDefaultsThatTheyAccept) {
  for (const SettingKey& key : setting_keys()) {
    if (key.default_text.empty()) continue;
    const auto value = parse_value(key, key.default_text);
    EXPECT_TRUE(value) << key.name << ": " << value.error();
  }
}

TEST(SettingKeys, AreFoundByASlightlyWrongName) {
  EXPECT_EQ(nearest_setting_name("link.hartbeat"), "link.heartbeat");
  EXPECT_EQ(nearest_setting_name("link.listn"), "link.listen");
  EXPECT_EQ(nearest_setting_name("quite.something.else"), std::nullopt);
}

TEST(ConfigurationPage, HoldsTheTableOfSettings) {
  const std::string page = tests::read_whole_file(source_dir / "docs/configuration.md");
  const std::string begin = "<!-- cecollm config keys: begin -->\n";
  const auto from = page.find(begin);
  const auto to = page.find("<!-- cecollm config keys: end -->");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(page.substr(from + begin.size(), to - from - begin.size()), render_setting_table())
      << "put the output of 'cecollm config keys' between the markers of docs/configuration.md";
}

/// An example whose keys that are commented out, "# key = value", count as well.
std::string with_all_keys(const std::string& example) {
  return std::regex_replace(example, std::regex("(^|\n)# ?([a-z_]+ = )"), "$1$2");
}

class Example : public testing::TestWithParam<Node> {
 protected:
  std::filesystem::path path() const {
    return source_dir / "deploy/examples" / (std::string(name_of(GetParam())) + ".toml");
  }
};

TEST_P(Example, IsGoodForItsNode) {
  SettingSources sources;
  sources.file = path();
  EXPECT_THAT(find_setting_problems(GetParam(), sources), testing::IsEmpty());
  EXPECT_THAT(nodes_of_file(path()), testing::ElementsAre(GetParam()));
}

TEST_P(Example, ShowsEveryKeyAndItsDefault) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.write("example.toml", with_all_keys(tests::read_whole_file(path())));
  const FileSettings read = read_toml_settings(file);
  EXPECT_THAT(read.problems, testing::IsEmpty());
  std::set<std::string_view> shown;
  for (const FileSetting& setting : read.settings) {
    shown.insert(setting.key->name);
    ASSERT_TRUE(setting.value) << setting.key->name << ": " << setting.value.error();
    if (setting.key->default_text.empty()) continue;
    EXPECT_EQ(*setting.value, *parse_value(*setting.key, setting.key->default_text))
        << setting.key->name << " differs from its default " << setting.key->default_text;
  }
  for (const SettingKey& key : setting_keys()) {
    EXPECT_EQ(shown.contains(key.name), applies(key, GetParam())) << key.name;
  }
}

INSTANTIATE_TEST_SUITE_P(OfEachNode, Example, testing::Values(Node::edge, Node::cloud),
                         [](const auto& node) { return std::string(name_of(node.param)); });

}  // namespace
}  // namespace cecollm::apps
