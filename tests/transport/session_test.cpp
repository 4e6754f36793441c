#include "transport/session.hpp"

#include <optional>
#include <random>
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
using ::testing::IsEmpty;
using tests::shared_frame;

/// One side of a connection, and what its session reported.
struct Side {
  Side(std::unique_ptr<SecureStream> stream, const ConnectionLimits& limits, std::string peer,
       Session::TimePoint now)
      : session(std::move(stream), limits, std::move(peer), now, now + limits.connect_timeout) {}

  void note() {
    for (auto& event : session.take_events()) {
      EXPECT_FALSE(down) << "an event after the last";
      if (auto* up = std::get_if<SessionUp>(&event)) {
        ++ups;
        identity = up->peer_identity;
      } else if (auto* frame = std::get_if<SessionFrame>(&event)) {
        EXPECT_EQ(ups, 1);
        frames.emplace_back(frame->envelope.begin(), frame->envelope.end());
      } else if (std::get_if<SessionDrained>(&event) != nullptr) {
        ++drained;
      } else {
        down = std::get<SessionDown>(event).reason;
      }
    }
  }

  Session session;
  int ups = 0;
  int drained = 0;
  std::string identity;
  std::vector<std::string> frames;
  std::optional<Error> down;
};

class Sessions : public ::testing::Test {
 protected:
  void make_plain() {
    a = std::make_unique<Side>(make_plain_stream(), limits, "peer b", now);
    b = std::make_unique<Side>(make_plain_stream(), limits, "peer a", now);
    a->session.start(now);
    b->session.start(now);
    a->note();
    b->note();
  }
  void make_tls() {
    auto server = make_tls_server(pki.server());
    auto client = make_tls_client(pki.client(), {"localhost", 1});
    ASSERT_TRUE(server && client);
    a = std::make_unique<Side>(std::move(*client), limits, "the cloud", now);
    b = std::make_unique<Side>(std::move(*server), limits, "the edge", now);
    a->session.start(now);
    b->session.start(now);
  }
  /// Moves what one side has to say; returns how much.
  std::size_t carry(Side& from, Side& to) {
    const auto output = from.session.take_output();
    if (!output.empty()) {
      to.session.receive(output, now);
    }
    from.session.output_sent(0, now);
    from.note();
    to.note();
    return output.size();
  }
  void carry_all() {
    while (carry(*a, *b) + carry(*b, *a) > 0) {
    }
  }

  tests::Pki pki;
  ConnectionLimits limits;
  Session::TimePoint now{1000s};
  std::unique_ptr<Side> a;
  std::unique_ptr<Side> b;
};

TEST_F(Sessions, ReportTheHandshakeOnceAndFirst) {
  make_tls();
  a->note();
  EXPECT_EQ(a->ups, 0);
  carry_all();
  EXPECT_EQ(a->ups, 1);
  EXPECT_EQ(b->ups, 1);
  EXPECT_EQ(a->identity, "cloud");
  EXPECT_EQ(b->identity, "edge");
}

TEST_F(Sessions, KeepFramesUntilTheHandshakeIsDone) {
  make_tls();
  a->session.send(shared_frame("early"), now);
  EXPECT_EQ(a->session.queued_bytes() > 9, true);
  carry_all();
  EXPECT_THAT(b->frames, ElementsAre("early"));
}

TEST_F(Sessions, CarryFramesInOrder) {
  make_plain();
  for (const char* body : {"one", "two", "three"}) {
    a->session.send(shared_frame(body), now);
  }
  b->session.send(shared_frame("back"), now);
  carry_all();
  EXPECT_THAT(b->frames, ElementsAre("one", "two", "three"));
  EXPECT_THAT(a->frames, ElementsAre("back"));
}

TEST_F(Sessions, EndWhenTheHandshakeTakesTooLong) {
  make_tls();
  EXPECT_EQ(b->session.next_deadline(), now + limits.connect_timeout);
  now += limits.connect_timeout - 1ms;
  b->session.tick(now);
  EXPECT_FALSE(b->session.finished());
  now += 1ms;
  b->session.tick(now);
  b->note();
  EXPECT_TRUE(b->session.finished());
  ASSERT_TRUE(b->down);
  EXPECT_EQ(b->down->code, ErrorCode::timed_out);
  EXPECT_THAT(b->down->message, HasSubstr("the edge: no handshake within 5000 ms"));
}

TEST_F(Sessions, EndWhenThePeerIsSilent) {
  make_plain();
  now += 10s;
  a->session.receive(std::string_view("\0", 1), now);  // any byte is a sign of life
  EXPECT_EQ(a->session.next_deadline(), now + limits.silence_limit);
  now += limits.silence_limit - 1ms;
  a->session.tick(now);
  a->note();
  EXPECT_FALSE(a->down);
  now += 1ms;
  a->session.tick(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::peer_silent);
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, DoNotBlameThePeerForSilenceWhileReadingIsPaused) {
  make_plain();
  a->session.pause_reading();
  EXPECT_EQ(a->session.next_deadline(), Session::TimePoint::max());
  now += 10 * limits.silence_limit;
  a->session.tick(now);
  a->note();
  EXPECT_FALSE(a->down);
  a->session.resume_reading(now);
  now += limits.silence_limit;
  a->session.tick(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::peer_silent);
}

TEST_F(Sessions, EndWhenTheSendQueueIsFull) {
  limits.max_queued_bytes = 1000;
  make_plain();
  for (int i = 0; i < 10; ++i) {
    a->session.send(shared_frame(std::string(96, 'x')), now);
  }
  a->note();
  EXPECT_FALSE(a->down);
  EXPECT_EQ(a->session.queued_bytes(), 1000U);
  a->session.send(shared_frame("x"), now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::queue_full);
  EXPECT_THAT(a->down->message, HasSubstr("peer b: does not take what is sent; 1000 bytes"));
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, ReportOnceThatTheSendQueueDrained) {
  limits.max_queued_bytes = 1000;
  make_plain();
  const auto send = [&](std::size_t bytes) {
    a->session.send(shared_frame(std::string(bytes - 4, 'x')), now);
  };
  const auto unsent = [&](std::uint64_t bytes) {
    a->session.output_sent(bytes, now);
    a->note();
  };
  send(500);  // half, not above
  EXPECT_EQ(a->session.take_output().size(), 500U);
  unsent(0);
  EXPECT_EQ(a->drained, 0);
  send(501);
  EXPECT_EQ(a->session.take_output().size(), 501U);
  unsent(500);
  EXPECT_EQ(a->drained, 0);
  unsent(499);
  EXPECT_EQ(a->drained, 1);
  unsent(0);
  EXPECT_EQ(a->drained, 1);
  send(501);
  EXPECT_EQ(a->session.take_output().size(), 501U);
  unsent(0);
  EXPECT_EQ(a->drained, 2);
}

TEST_F(Sessions, HandOutNoMoreThanAWindowAheadOfTheStream) {
  make_plain();
  const std::size_t size = 100'000;
  for (int i = 0; i < 100; ++i) {
    a->session.send(shared_frame(std::string(size, 'x')), now);
  }
  const auto output = a->session.take_output();
  EXPECT_GE(output.size(), Session::output_window);
  EXPECT_LE(output.size(), Session::output_window + size + 4);
  EXPECT_THAT(a->session.take_output(), IsEmpty());
  EXPECT_EQ(a->session.queued_bytes(), 100 * (size + 4));
  a->session.output_sent(output.size() / 2, now);
  EXPECT_FALSE(a->session.take_output().empty());
}

TEST_F(Sessions, RefuseFramesAboveTheBoundAtTheirPrefix) {
  limits.max_frame_bytes = 100;
  make_plain();
  a->session.receive(std::string_view("\xff\xff\xff", 3), now);
  a->note();
  EXPECT_FALSE(a->down);
  a->session.receive(std::string_view("\xff", 1), now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::frame_too_large);
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, SendNoFrameThatIsAboveTheBound) {
  limits.max_frame_bytes = 100;
  make_plain();
  a->session.send(shared_frame(std::string(100, 'x')), now);
  a->note();
  EXPECT_FALSE(a->down);
  a->session.send(shared_frame(std::string(101, 'x')), now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::frame_too_large);
}

TEST_F(Sessions, FlushBeforeTheyClose) {
  for (const bool tls : {false, true}) {
    if (tls) {
      make_tls();
      carry_all();
    } else {
      make_plain();
    }
    const std::string large(3 * Session::output_window, 'x');
    a->session.send(shared_frame(large), now);
    a->session.send(shared_frame("last"), now);
    a->session.close(now);
    a->session.send(shared_frame("too late"), now);
    a->note();
    EXPECT_FALSE(a->down);
    carry_all();
    EXPECT_THAT(b->frames, ElementsAre(large, "last"));
    ASSERT_TRUE(a->down);
    EXPECT_EQ(a->down->code, ErrorCode::closed);
    EXPECT_THAT(a->down->message, HasSubstr("closed by this side"));
    EXPECT_TRUE(a->session.said_goodbye());
    EXPECT_FALSE(a->session.finished());
    if (tls) {
      ASSERT_TRUE(b->down);  // TLS says good-bye by itself; plain TCP by the end of its stream
      EXPECT_EQ(b->down->code, ErrorCode::closed);
    }
    a->session.stream_ended(now);
    EXPECT_TRUE(a->session.finished());
  }
}

TEST_F(Sessions, StopWaitingForAPeerThatDoesNotTakeTheLastFrames) {
  make_plain();
  a->session.send(shared_frame("last"), now);
  EXPECT_EQ(a->session.take_output().size(), 8U);
  a->session.close(now);
  EXPECT_EQ(a->session.next_deadline(), now + limits.close_timeout);
  now += limits.close_timeout;
  a->session.tick(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_THAT(a->down->message, HasSubstr("before all was sent"));
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, StopWaitingForAPeerThatDoesNotCloseAsWell) {
  make_plain();
  a->session.close(now);
  a->note();
  EXPECT_TRUE(a->down);
  EXPECT_TRUE(a->session.said_goodbye());
  now += limits.close_timeout - 1ms;
  a->session.tick(now);
  EXPECT_FALSE(a->session.finished());
  now += 1ms;
  a->session.tick(now);
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, DropFramesThatComeAfterTheyClosed) {
  make_plain();
  a->session.close(now);
  b->session.send(shared_frame("unheard"), now);
  carry(*b, *a);
  EXPECT_THAT(a->frames, IsEmpty());
}

TEST_F(Sessions, CloseAtOnceDuringTheHandshake) {
  make_tls();
  a->session.close(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::closed);
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, EndWithTheirStream) {
  make_plain();
  a->session.stream_ended(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::closed);
  EXPECT_EQ(a->down->message, "peer b: closed the connection");
  EXPECT_TRUE(a->session.finished());

  make_tls();
  a->session.stream_ended(now);
  a->note();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::handshake_failed);
}

TEST_F(Sessions, TellThePeerWhyTheyRefuseItBeforeTheyEnd) {
  tests::Pki foreign{"another CA"};
  auto server = make_tls_server(foreign.server());
  auto client = make_tls_client(pki.client(), {"localhost", 1});
  ASSERT_TRUE(server && client);
  a = std::make_unique<Side>(std::move(*client), limits, "the cloud", now);
  b = std::make_unique<Side>(std::move(*server), limits, "the edge", now);
  a->session.start(now);
  b->session.start(now);
  carry_all();
  ASSERT_TRUE(a->down);
  EXPECT_EQ(a->down->code, ErrorCode::handshake_failed);
  EXPECT_THAT(a->down->message, HasSubstr("the cloud: TLS handshake failed: certificate verify"));
  EXPECT_TRUE(a->session.said_goodbye());
  ASSERT_TRUE(b->down);
  EXPECT_THAT(b->down->message, HasSubstr("unknown ca"));
  EXPECT_EQ(b->ups, 0);
  now += limits.close_timeout;
  a->session.tick(now);
  EXPECT_TRUE(a->session.finished());
}

TEST_F(Sessions, SurviveRandomBytes) {
  std::mt19937_64 random(4);
  const auto tls = pki.server();
  int ended = 0;
  for (int round = 0; round < 3000; ++round) {
    const bool plain = round % 3 > 0;
    auto stream = plain ? make_plain_stream() : make_tls_server(tls);
    ASSERT_TRUE(stream);
    limits.max_frame_bytes = 1U << (random() % 24);
    Side side(std::move(*stream), limits, "a stranger", now);
    side.session.start(now);
    side.note();
    for (auto pieces = random() % 20; pieces > 0; --pieces) {
      std::vector<char> bytes(random() % 200);
      for (auto& byte : bytes) {
        // Mostly small values, so that some of it looks like lengths.
        byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 3);
      }
      side.session.receive(bytes, now);
      side.session.take_output();
      side.note();
      ASSERT_LE(side.session.queued_bytes(), 4096U);
    }
    ended += side.down.has_value();
    EXPECT_EQ(side.ups, plain ? 1 : 0);
  }
  EXPECT_GT(ended, 500);
  EXPECT_LT(ended, 2900);
}

TEST_F(Sessions, IgnoreEmptyFrames) {
  make_plain();
  a->session.send(nullptr, now);
  a->session.send(std::make_shared<const std::vector<char>>(), now);
  EXPECT_EQ(a->session.queued_bytes(), 0U);
}

}  // namespace
}  // namespace cecollm::transport
