#include "bench/adaptivity_report.hpp"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using ::testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

TEST(AdaptivityReport, ShowsHowFarGapsStayWithinTheirBound) {
  AdaptivityCell adaptive;
  adaptive.link = "flapping";
  adaptive.mode = "adaptive";
  adaptive.max_ms = 254.5;
  adaptive.own_p99_ms = 2.25;
  adaptive.p99_of_bound = 0.125;
  auto waiting = adaptive;
  waiting.mode = "collaborative";
  waiting.p99_of_bound.reset();
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(write_adaptivity(directory.path(), "Here.", {adaptive, waiting}));

  const auto markdown = text_of(directory.path() / "adaptivity.md");
  EXPECT_THAT(markdown, HasSubstr("| max | own p99 | p99 of bound | exits |"));
  EXPECT_THAT(markdown, HasSubstr("| 254.50 | 2.25 | 12.5 % | "));
  EXPECT_THAT(markdown, HasSubstr("| 254.50 | 2.25 |  | ")) << "one that waits has no bound";

  const auto cells =
      nlohmann::json::parse(text_of(directory.path() / "adaptivity.json")).at("cells");
  EXPECT_EQ(cells.at(0).at("own_p99_ms"), 2.25);
  EXPECT_EQ(cells.at(0).at("p99_of_bound"), 0.125);
  EXPECT_TRUE(cells.at(1).at("p99_of_bound").is_null());
}

TEST(AdaptivityReport, SaysWhereItCannotBeWritten) {
  const tests::TemporaryDirectory directory;
  std::ofstream(directory.path() / "taken") << "a file";
  EXPECT_FALSE(write_adaptivity(directory.path() / "taken", "", {}));
}

}  // namespace
}  // namespace cecollm::bench
