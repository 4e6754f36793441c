#include "apps/status_bar.hpp"

#include <sstream>

#include <gtest/gtest.h>

namespace cecollm::apps {
namespace {

using namespace std::chrono_literals;
using policy::ModeReason;
using policy::Source;
using policy::SupervisorState;

actors::LinkReport good_link() {
  actors::LinkReport link;
  link.connected = true;
  link.rtt = 31ms;
  link.goodput_up = 250'000.0;
  link.state = SupervisorState::collaborative;
  link.reason = ModeReason::probe_passed;
  return link;
}

policy::SourceCounts eight_exits_and_two_asks() {
  policy::SourceCounts counts;
  for (int i = 0; i < 8; ++i) counts.add({Source::Kind::exit, 0});
  counts.add({Source::Kind::cloud});
  counts.add({Source::Kind::fallback, 1});
  return counts;
}

TEST(StatusLine, TellsModeWhyLinkAndSources) {
  EXPECT_EQ(status_line(12340ms, good_link(), eight_exits_and_two_asks()),
            "12.3 s  collaborative (probe-passed)  rtt 31 ms  up 2.0 Mbit/s  exits 80 %  cloud 10 "
            "%  fallback 10 %");
}

TEST(StatusLine, SaysThatThereIsNoConnectionInsteadOfOldFigures) {
  auto link = good_link();
  link.connected = false;
  link.state = SupervisorState::standalone;
  link.reason = ModeReason::link_lost;
  EXPECT_EQ(status_line(500ms, link, {}), "0.5 s  standalone (link-lost)  no connection");
}

TEST(StatusBar, PrintsALineOnlyWhenTheModeChangesWhereThereIsNoTerminal) {
  std::ostringstream out;
  {
    StatusBar bar(out, false);
    auto link = good_link();
    bar.show(1s, link, {});
    bar.show(2s, link, {});
    EXPECT_EQ(out.str(), "\n[1.0 s  collaborative (probe-passed)  rtt 31 ms  up 2.0 Mbit/s]\n");
    out.str("");
    link.state = SupervisorState::standalone;
    link.reason = ModeReason::asks_expired;
    bar.show(3s, link, {});
    EXPECT_EQ(out.str(), "\n[3.0 s  standalone (asks-expired)  rtt 31 ms  up 2.0 Mbit/s]\n");
  }
}

}  // namespace
}  // namespace cecollm::apps
