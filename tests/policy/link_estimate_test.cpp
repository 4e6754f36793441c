#include "policy/link_estimate.hpp"

#include <gtest/gtest.h>

#include "tests/policy/test_time.hpp"

namespace cecollm::policy {
namespace {

LinkEstimate connected_link() {
  LinkEstimate link;
  link.on_connected();
  return link;
}

TEST(LinkEstimate, IsDisconnectedAtFirst) {
  const LinkEstimate link;
  EXPECT_FALSE(link.connected());
  EXPECT_FALSE(link.next_ping(ms(1000)));
}

TEST(LinkEstimate, MeasuresPongs) {
  LinkEstimate link = connected_link();
  link.on_pong(at(150), at(100), ms(0));
  EXPECT_EQ(*link.round_trip().median(), ms(50));
}

TEST(LinkEstimate, LeavesTheCloudsOwnTimeOutOfAnAnswer) {
  LinkEstimate link = connected_link();
  link.on_answer(at(300), at(100), ms(150), ms(0));
  EXPECT_EQ(*link.round_trip().median(), ms(50));
}

TEST(LinkEstimate, SurvivesACloudThatClaimsMoreTimeThanPassed) {
  LinkEstimate link = connected_link();
  link.on_answer(at(110), at(100), ms(5000), ms(0));
  EXPECT_EQ(*link.round_trip().median(), ms(0));
}

TEST(LinkEstimate, CountsPingTimeoutsUntilAnythingIsHeard) {
  LinkEstimate link = connected_link();
  link.on_pong(at(100), at(0), ms(0));
  const Duration timeout = link.timeout();
  link.on_ping_timeout();
  link.on_ping_timeout();
  EXPECT_EQ(link.ping_timeouts(), 2);
  EXPECT_EQ(link.timeout(), 4 * timeout);
  link.on_heard();
  EXPECT_EQ(link.ping_timeouts(), 0);
}

TEST(LinkEstimate, CountsExpiredAsksUntilAnAnswerNotAPong) {
  LinkEstimate link = connected_link();
  link.on_ask_expired();
  link.on_pong(at(100), at(50), ms(0));
  link.on_ask_expired();
  EXPECT_EQ(link.expired_asks(), 2);
  link.on_answer(at(300), at(100), ms(0), ms(0));
  EXPECT_EQ(link.expired_asks(), 0);
}

TEST(LinkEstimate, PingsOnlyWhenTrafficIsNotAlreadyTelling) {
  LinkEstimate link = connected_link();
  EXPECT_LE(*link.next_ping(ms(1000)), at(0));
  link.on_ping_sent(at(0));
  EXPECT_EQ(link.next_ping(ms(1000)), at(1000));
  link.on_answer(at(1000), at(900), ms(0), ms(0));
  EXPECT_EQ(link.next_ping(ms(1000)), at(2000));
  EXPECT_EQ(link.next_ping(ms(100)), at(1100));
  link.on_acknowledged(at(1500), 10);
  EXPECT_EQ(link.next_ping(ms(1000)), at(2000)) << "tells nothing of the round trip";
}

TEST(LinkEstimate, EstimatesGoodputAboveItsOwnRoundTrip) {
  LinkEstimate link = connected_link();
  for (int i = 0; i < 5; ++i) link.on_pong(at(100 * i + 50), at(100 * i), ms(0));
  link.on_uploaded(at(1000), 20000);
  link.on_acknowledged(at(1250), 20000);
  EXPECT_NEAR(*link.goodput().bytes_per_second(), 100000.0, 1.0);
  link.on_uploaded(at(2000), 30000);
  EXPECT_NEAR(to_ms(link.uplink_delay(at(2000))), 300.0, 0.1);
}

TEST(LinkEstimate, ForgetsTheOldPathOnANewConnection) {
  LinkEstimate link = connected_link();
  link.on_pong(at(500), at(0), ms(0));
  link.on_uploaded(at(500), 1000);
  link.on_acknowledged(at(900), 500);
  link.on_ask_expired();
  link.on_ping_timeout();
  link.on_disconnected();
  link.on_connected();
  EXPECT_TRUE(link.connected());
  EXPECT_EQ(link.round_trip().samples(), 0U);
  EXPECT_FALSE(link.goodput().bytes_per_second());
  EXPECT_EQ(link.goodput().unacknowledged(), 0U);
  EXPECT_EQ(link.expired_asks(), 0);
  EXPECT_EQ(link.ping_timeouts(), 0);
  EXPECT_LE(*link.next_ping(ms(1000)), at(5000));
}

}  // namespace
}  // namespace cecollm::policy
