// Sessions over emulated links, joined in memory, with a clock that the test moves from event to
// event.

#include "transport/linked_session.hpp"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/framed.hpp"
#include "tests/support/pki.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::shared_frame;
using TimePoint = Session::TimePoint;

struct LinkedSide {
  LinkedSide(std::unique_ptr<SecureStream> stream, const ConnectionLimits& limits, TimePoint now,
             std::unique_ptr<LinkEmulator> link)
      : session(Session(std::move(stream), limits, "the peer", now, now + limits.connect_timeout),
                std::move(link)) {}
  LinkedSession session;
  bool up = false;
  bool end_passed = false;
  std::vector<std::string> frames;
  std::optional<Error> down;
  std::size_t written = 0;  // to the stream
};

class LinkedSessions : public ::testing::Test {
 protected:
  void make(const std::string& spec) {
    auto shape = parse_link_spec(spec);
    ASSERT_TRUE(shape) << shape.error().message;
    make(*shape);
  }
  void make(LinkShape shape) {
    link = std::make_shared<EmulatedLink>(std::move(shape), now);
    auto server = make_tls_server(pki.server());
    auto client = make_tls_client(pki.client(), {"localhost", 1});
    ASSERT_TRUE(server && client);
    edge.emplace(std::move(*client), limits, now,
                 std::make_unique<LinkEmulator>(link, LinkDirection::up, now));
    cloud.emplace(std::move(*server), limits, now, nullptr);
    edge->session.start(now);
    cloud->session.start(now);
    settle();
  }
  void note(LinkedSide& side) {
    for (auto& event : side.session.take_events()) {
      if (std::holds_alternative<SessionUp>(event)) {
        side.up = true;
      } else if (auto* frame = std::get_if<SessionFrame>(&event)) {
        side.frames.emplace_back(frame->envelope.begin(), frame->envelope.end());
      } else if (auto* down = std::get_if<SessionDown>(&event)) {
        side.down = down->reason;
      }
    }
  }
  bool carry(LinkedSide& from, LinkedSide& to) {
    const auto bytes = from.session.take_output(now);
    from.written += bytes.size();
    if (!bytes.empty()) {
      to.session.receive(bytes, now);
    }
    from.session.output_sent(0, now);
    const bool ends = (from.session.said_goodbye() || from.session.finished()) &&
                      !std::exchange(from.end_passed, true);
    if (ends) {
      to.session.stream_ended(now);
    }
    note(from);
    note(to);
    return !bytes.empty() || ends;
  }
  void settle() {
    while (int{carry(*edge, *cloud)} + int{carry(*cloud, *edge)} > 0) {
    }
  }
  /// Moves the clock to the next event, at most to `end`; false when it is there.
  bool step(TimePoint end) {
    const auto next = std::min(edge->session.next_deadline(now), cloud->session.next_deadline(now));
    now = std::max(now, std::min(next, end));
    edge->session.tick(now);
    cloud->session.tick(now);
    settle();
    return now < end;
  }
  void run_until(TimePoint end) {
    while (step(end)) {
    }
  }
  /// The time until `done`, from event to event.
  template <class Done>
  TimePoint::duration time_until(Done done) {
    const auto start = now;
    while (!done() && step(start + 60s)) {
    }
    return now - start;
  }

  tests::Pki pki;
  ConnectionLimits limits;
  TimePoint now{1000s};
  std::shared_ptr<EmulatedLink> link;
  std::optional<LinkedSide> edge;
  std::optional<LinkedSide> cloud;
};

TEST_F(LinkedSessions, ShakeHandsInOneRoundTripAndAHalf) {
  make("rtt=100ms");
  EXPECT_EQ(time_until([&] { return edge->up; }), 100ms);
  EXPECT_EQ(time_until([&] { return cloud->up; }), 50ms);
}

TEST_F(LinkedSessions, TakeARoundTripForAnAnswer) {
  make("rtt=100ms");
  time_until([&] { return cloud->up; });
  edge->session.send(shared_frame("ask"), now);
  EXPECT_EQ(time_until([&] { return !cloud->frames.empty(); }), 50ms);
  cloud->session.send(shared_frame("answer"), now);
  settle();
  EXPECT_EQ(time_until([&] { return !edge->frames.empty(); }), 50ms);
  EXPECT_THAT(edge->frames, ElementsAre("answer"));
}

TEST_F(LinkedSessions, SendAtTheRateOfTheLink) {
  make("rtt=20ms,up=8mbit,down=80mbit");
  time_until([&] { return cloud->up; });
  const std::string large(1'000'000, 'x');
  edge->session.send(shared_frame(large), now);
  const auto up = time_until([&] { return !cloud->frames.empty(); });
  EXPECT_GT(up, 1000ms);
  EXPECT_LT(up, 1040ms);
  cloud->session.send(shared_frame(large), now);
  settle();
  const auto down = time_until([&] { return !edge->frames.empty(); });
  EXPECT_GT(down, 100ms);
  EXPECT_LT(down, 130ms);
}

TEST_F(LinkedSessions, LoseNoBytesOnALossyLink) {
  limits.silence_limit = 10min;
  make("rtt=40ms,jitter=20ms,up=5mbit,down=20mbit,loss=3%,seed=5");
  time_until([&] { return cloud->up; });
  std::vector<std::string> sent;
  for (int i = 0; i < 60; ++i) {
    sent.push_back(
        std::string(static_cast<std::size_t>(i) * 100 + 1, static_cast<char>('a' + i % 26)));
    edge->session.send(shared_frame(sent.back()), now);
    cloud->session.send(shared_frame(sent.back()), now);
    run_until(now + 50ms);
  }
  run_until(now + 60s);
  EXPECT_EQ(cloud->frames, sent);
  EXPECT_EQ(edge->frames, sent);
}

TEST_F(LinkedSessions, BoundWhatWaitsForTheLink) {
  limits.max_queued_bytes = 1'000'000;
  make("rtt=20ms,up=1mbit");
  time_until([&] { return cloud->up; });
  const auto frame = shared_frame(std::string(90'000, 'x'));
  int sent = 0;
  while (!edge->down && sent < 100) {
    edge->session.send(frame, now);
    settle();
    ++sent;
  }
  ASSERT_TRUE(edge->down);
  EXPECT_EQ(edge->down->code, ErrorCode::queue_full);
  EXPECT_NEAR(sent, 11, 2);
}

TEST_F(LinkedSessions, StopReadingWhatTheLinkCannotTake) {
  make("rtt=20ms,down=1mbit");
  time_until([&] { return cloud->up; });
  EXPECT_FALSE(edge->session.is_congested());
  cloud->session.send(shared_frame(std::string(2'000'000, 'x')), now);
  settle();
  EXPECT_TRUE(edge->session.is_congested());
  run_until(now + 20s);
  EXPECT_FALSE(edge->session.is_congested());
  EXPECT_EQ(edge->frames.size(), 1U);
}

TEST_F(LinkedSessions, SurviveAStallAndEndInALongOutage) {
  make("rtt=20ms");
  time_until([&] { return cloud->up; });
  edge->session.force_link(LinkState::stall, now);
  edge->session.send(shared_frame("held"), now);
  run_until(now + 10s);
  EXPECT_TRUE(cloud->frames.empty());
  edge->session.force_link(LinkState::up, now);
  run_until(now + 10ms);
  EXPECT_THAT(cloud->frames, ElementsAre("held"));
  edge->session.force_link(LinkState::outage, now);
  const auto cut = now;
  time_until([&] { return edge->down.has_value(); });
  ASSERT_TRUE(edge->down);
  EXPECT_EQ(edge->down->code, ErrorCode::peer_silent);
  EXPECT_LE(now - cut, limits.silence_limit);
}

TEST_F(LinkedSessions, EndWhenTheirTraceResetsThem) {
  auto shape = parse_link_trace(
      "time_s,rtt_ms,mbit_up,mbit_down,state\n"
      "0,20,100,100,up\n"
      "3,20,100,100,reset\n",
      "trace");
  ASSERT_TRUE(shape);
  make(*shape);
  EXPECT_EQ(time_until([&] { return edge->down.has_value(); }), 3s);
  EXPECT_EQ(edge->down->code, ErrorCode::closed);
  EXPECT_THAT(edge->down->message, HasSubstr("the emulated link was reset"));
  EXPECT_TRUE(edge->session.finished());
}

TEST_F(LinkedSessions, DeliverTheLastFrameAndTheGoodbye) {
  make("rtt=100ms,up=8mbit");
  time_until([&] { return cloud->up; });
  edge->session.send(shared_frame(std::string(100'000, 'x')), now);
  edge->session.send(shared_frame("last"), now);
  edge->session.close(now);
  const auto taken = time_until([&] { return cloud->down.has_value(); });
  EXPECT_GT(taken, 140ms);
  EXPECT_LT(taken, 170ms);
  ASSERT_EQ(cloud->frames.size(), 2U);
  EXPECT_EQ(cloud->frames[1], "last");
  EXPECT_EQ(cloud->down->code, ErrorCode::closed);
  run_until(now + 200ms);
  EXPECT_TRUE(edge->session.finished());
}

TEST_F(LinkedSessions, WorkWithoutALink) {
  Session session(make_plain_stream(), limits, "the peer", now, now + 5s);
  LinkedSession plain(std::move(session), nullptr);
  plain.start(now);
  EXPECT_EQ(plain.take_events().size(), 1U);
  plain.send(shared_frame("x"), now);
  EXPECT_EQ(plain.take_output(now).size(), 5U);
  EXPECT_FALSE(plain.is_congested());
  plain.stream_ended(now);
  EXPECT_TRUE(plain.finished());
}

}  // namespace
}  // namespace cecollm::transport
