#include "load/link_mix.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cecollm::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::chrono::nanoseconds rtt_of(const transport::LinkShape& shape) {
  return shape.at(transport::LinkTime(0)).rtt;
}

TEST(LinkMix, ReadsWeightsAndLinks) {
  const auto plain = parse_weighted_link("rtt=50ms");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->weight, 1);
  const auto heavy = parse_weighted_link("2.5*rtt=20ms,up=5mbit");
  ASSERT_TRUE(heavy);
  EXPECT_EQ(heavy->weight, 2.5);
  EXPECT_EQ(rtt_of(heavy->shape), 20ms);
  EXPECT_TRUE(
      parse_weighted_link(std::string("2*") + CECOLLM_SOURCE_DIR + "/bench/traces/lte-drive.csv"));
}

TEST(LinkMix, SaysWhatItCannotRead) {
  for (const auto* text : {"x*rtt=50ms", "-1*rtt=50ms", "0*rtt=50ms", "*rtt=50ms", "nan*rtt=1ms"}) {
    const auto link = parse_weighted_link(text);
    ASSERT_FALSE(link) << text;
    EXPECT_THAT(link.error().message, HasSubstr("is no weight")) << text;
  }
  EXPECT_FALSE(parse_weighted_link("2*nonsense"));
  EXPECT_FALSE(parse_weighted_link("absent.csv"));
}

TEST(LinkMix, DrawsByWeightAndGivesEachEdgeChanceOfItsOwn) {
  const std::vector<WeightedLink> mix{*parse_weighted_link("3*rtt=10ms"),
                                      *parse_weighted_link("1*rtt=90ms")};
  const auto links = draw_links(mix, 4000, 9);
  ASSERT_EQ(links.size(), 4000U);
  std::set<std::uint64_t> seeds;
  int slow = 0;
  for (const auto& link : links) {
    seeds.insert(link.seed);
    if (rtt_of(link) == 90ms) ++slow;
  }
  EXPECT_NEAR(slow, 1000, 100);
  EXPECT_EQ(seeds.size(), 4000U);
  const auto again = draw_links(mix, 4000, 9);
  for (std::size_t i = 0; i < links.size(); ++i) ASSERT_EQ(links[i].seed, again[i].seed);
  EXPECT_TRUE(draw_links({}, 5, 1).empty());
}

}  // namespace
}  // namespace cecollm::load
