#include "bench/bar_plot.hpp"

#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Lengths of the bars' parts of one colour, in order, without the legend's square.
std::vector<double> lengths(const std::string& svg, const std::string& colour) {
  std::vector<double> found;
  const std::regex form("width=\"([0-9.e+-]+)\" height=\"22\" fill=\"" + colour + "\"");
  for (std::sregex_iterator match(svg.begin(), svg.end(), form), end; match != end; ++match) {
    found.push_back(std::stod((*match)[1].str()));
  }
  return found;
}

TEST(BarPlot, DrawsPartsInProportion) {
  const auto svg =
      bar_plot("Title", "ms", {"edge", "cloud"}, {{"one", {10, 30}}, {"two", {20, 0}}});
  const auto edge = lengths(svg, "#1b6ca8");
  const auto cloud = lengths(svg, "#edae49");
  ASSERT_EQ(edge.size(), 2U);
  ASSERT_EQ(cloud.size(), 2U);
  EXPECT_NEAR(edge[1] / edge[0], 2, 0.01);
  EXPECT_NEAR(cloud[0] / edge[0], 3, 0.01);
  EXPECT_EQ(cloud[1], 0);
  EXPECT_THAT(svg, HasSubstr(">one</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("→")));
}

TEST(BarPlot, CutsABarAtTheEndAndTellsItsLength) {
  const auto svg = bar_plot("Title", "ms", {"edge"}, {{"short", {50}}, {"long", {2200}}}, 100);
  const auto edge = lengths(svg, "#1b6ca8");
  ASSERT_EQ(edge.size(), 2U);
  EXPECT_NEAR(edge[1] / edge[0], 2, 0.01);
  EXPECT_THAT(svg, HasSubstr("→ 2200"));
}

}  // namespace
}  // namespace cecollm::bench
