#include "transport/memory_network.hpp"

#include <optional>
#include <string>
#include <vector>

#include <caf/scheduler/test_coordinator.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/framed.hpp"

namespace cecollm::transport {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct TestClockConfig : caf::actor_system_config {
  TestClockConfig() {
    add_message_types<caf::id_block::cecollm_transport>();
    set("scheduler.policy", caf::atom("testing"));
  }
};

/// What an owner has heard, and when.
struct Heard {
  std::vector<ConnectionUp> ups;
  std::vector<std::string> frames;
  std::vector<FrameArrived> held;  // with `hold`
  bool hold = false;
  std::vector<Error> downs;
  int drained = 0;
  caf::actor_clock::time_point last;
};

caf::behavior listening_owner(caf::event_based_actor* self, std::shared_ptr<Heard> heard) {
  return {
      [=](const ConnectionUp& up) {
        heard->ups.push_back(up);
        heard->last = self->clock().now();
      },
      [=](FrameArrived& frame) {
        heard->frames.emplace_back(frame.envelope.begin(), frame.envelope.end());
        heard->last = self->clock().now();
        if (heard->hold) {
          heard->held.push_back(std::move(frame));
        }
      },
      [=](const SendQueueDrained&) { ++heard->drained; },
      [=](const ConnectionDown& down) {
        heard->downs.push_back(down.reason);
        heard->last = self->clock().now();
      },
  };
}

class MemoryNetworks : public ::testing::Test {
 protected:
  ~MemoryNetworks() override {
    caf::anon_send_exit(edge, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(cloud, caf::exit_reason::user_shutdown);
    *edge_heard = {};
    *cloud_heard = {};
    advance(1h);
  }
  void make(const char* spec = nullptr) {
    std::shared_ptr<EmulatedLink> link;
    if (spec != nullptr) {
      link = std::make_shared<EmulatedLink>(*parse_link_spec(spec), system.clock().now());
    }
    network.emplace(system, limits, std::move(link));
    network->listen("cloud", [this] { return cloud; });
  }
  void connect() {
    network->dial("edge", edge);
    advance(1s);
    ASSERT_EQ(edge_heard->ups.size(), 1U);
    ASSERT_EQ(cloud_heard->ups.size(), 1U);
  }
  /// Moves the clock through every timer on the way.
  void advance(caf::actor_clock::duration_type time) {
    scheduler.run();
    scheduler.advance_time(time);
    scheduler.run();
  }
  void send(const std::shared_ptr<Heard>& from, std::string_view body) {
    caf::anon_send(from->ups.back().connection, SendFrame{tests::shared_frame(body)});
  }

  TestClockConfig config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  ConnectionLimits limits;
  std::shared_ptr<Heard> edge_heard = std::make_shared<Heard>();
  std::shared_ptr<Heard> cloud_heard = std::make_shared<Heard>();
  caf::actor edge = system.spawn(listening_owner, edge_heard);
  caf::actor cloud = system.spawn(listening_owner, cloud_heard);
  std::optional<MemoryNetwork> network;
};

TEST_F(MemoryNetworks, CarryFramesWithoutAnyTime) {
  make();
  const auto begun = system.clock().now();
  network->dial("edge-7", edge);
  scheduler.run();
  ASSERT_EQ(edge_heard->ups.size(), 1U);
  ASSERT_EQ(cloud_heard->ups.size(), 1U);
  EXPECT_EQ(edge_heard->ups[0].peer_identity, "cloud");
  EXPECT_EQ(cloud_heard->ups[0].peer_identity, "edge-7");
  send(edge_heard, "up");
  send(cloud_heard, std::string(3U << 20U, 'd'));
  scheduler.run();
  EXPECT_THAT(cloud_heard->frames, ElementsAre("up"));
  EXPECT_THAT(edge_heard->frames, ElementsAre(std::string(3U << 20U, 'd')));
  EXPECT_EQ(system.clock().now(), begun);
}

TEST_F(MemoryNetworks, TakeTheTimeOfTheirLink) {
  make("rtt=100ms,up=8mbit,down=80mbit");
  const auto begun = system.clock().now();
  network->dial("edge", edge);
  advance(99ms);
  EXPECT_THAT(edge_heard->ups, IsEmpty());
  advance(1ms);
  EXPECT_EQ(edge_heard->ups.size(), 1U);
  send(edge_heard, "ping");
  scheduler.run();
  const auto sent = system.clock().now();
  EXPECT_EQ(sent - begun, 100ms);
  advance(49ms);
  EXPECT_THAT(cloud_heard->frames, IsEmpty());
  advance(1ms);
  EXPECT_THAT(cloud_heard->frames, ElementsAre("ping"));
  send(cloud_heard, "pong");
  advance(50ms);
  EXPECT_THAT(edge_heard->frames, ElementsAre("pong"));

  // 1 MB at 1 MB/s.
  send(edge_heard, std::string(1'000'000, 'x'));
  const auto start = system.clock().now();
  for (int step = 0; step < 2000 && cloud_heard->frames.size() < 2; ++step) {
    advance(1ms);
  }
  EXPECT_EQ(cloud_heard->frames.size(), 2U);
  EXPECT_NEAR(std::chrono::duration<double>(cloud_heard->last - start).count(), 1.05, 0.02);
}

TEST_F(MemoryNetworks, RefuseConnectionsWhereNobodyListens) {
  make("rtt=20ms");
  network->stop_listening();
  network->dial("edge", edge);
  advance(20ms);
  ASSERT_EQ(edge_heard->downs.size(), 1U);
  EXPECT_EQ(edge_heard->downs[0].code, ErrorCode::unreachable);
}

TEST_F(MemoryNetworks, HoldBytesWhileTheyStall) {
  make("rtt=20ms");
  connect();
  network->force(LinkState::stall);
  send(edge_heard, "up");
  send(cloud_heard, "down");
  advance(10s);
  EXPECT_THAT(cloud_heard->frames, IsEmpty());
  EXPECT_THAT(edge_heard->frames, IsEmpty());
  network->force(LinkState::up);
  advance(10ms);
  EXPECT_THAT(cloud_heard->frames, ElementsAre("up"));
  EXPECT_THAT(edge_heard->frames, ElementsAre("down"));
}

TEST_F(MemoryNetworks, EndBySilenceWhenTheyAreCut) {
  make("rtt=20ms");
  connect();
  network->force(LinkState::outage);
  send(edge_heard, "lost");
  const auto cut = system.clock().now();
  for (int step = 0; step < 200; ++step) {
    advance(100ms);
  }
  ASSERT_EQ(edge_heard->downs.size(), 1U);
  EXPECT_EQ(edge_heard->downs[0].code, ErrorCode::peer_silent);
  EXPECT_LE(edge_heard->last - cut, limits.silence_limit);
  ASSERT_EQ(cloud_heard->downs.size(), 1U);
  EXPECT_EQ(cloud_heard->downs[0].code, ErrorCode::peer_silent) << "it cannot know more";
  EXPECT_THAT(cloud_heard->frames, IsEmpty());

  // Nor does a new connection come through, until the link is up again.
  network->dial("edge", edge);
  advance(limits.connect_timeout);
  ASSERT_EQ(edge_heard->downs.size(), 2U);
  EXPECT_EQ(edge_heard->downs[1].code, ErrorCode::timed_out);
  network->dial("edge", edge);
  advance(1s);
  network->force(LinkState::up);
  advance(20ms);
  EXPECT_EQ(edge_heard->ups.size(), 2U);
}

TEST_F(MemoryNetworks, ResetBothSidesAtOnce) {
  make("rtt=20ms");
  connect();
  network->reset();
  scheduler.run();
  ASSERT_EQ(edge_heard->downs.size(), 1U);
  ASSERT_EQ(cloud_heard->downs.size(), 1U);
  EXPECT_EQ(edge_heard->downs[0].code, ErrorCode::closed);
  EXPECT_THAT(edge_heard->downs[0].message, HasSubstr("reset"));
}

TEST_F(MemoryNetworks, FlushAndTellThePeerWhenTheyClose) {
  make("rtt=20ms");
  connect();
  send(edge_heard, "last");
  caf::anon_send(edge_heard->ups[0].connection, CloseConnection{});
  advance(20ms);
  EXPECT_THAT(cloud_heard->frames, ElementsAre("last"));
  ASSERT_EQ(cloud_heard->downs.size(), 1U);
  EXPECT_EQ(cloud_heard->downs[0].code, ErrorCode::closed);
  ASSERT_EQ(edge_heard->downs.size(), 1U);
  EXPECT_THAT(edge_heard->downs[0].message, HasSubstr("closed by this side"));
}

TEST_F(MemoryNetworks, EndWithTheirOwners) {
  make("rtt=20ms");
  connect();
  caf::anon_send_exit(edge, caf::exit_reason::kill);
  advance(100ms);
  ASSERT_EQ(cloud_heard->downs.size(), 1U);
  EXPECT_EQ(cloud_heard->downs[0].code, ErrorCode::closed);
}

TEST_F(MemoryNetworks, BoundTheirSendQueue) {
  limits.max_queued_bytes = 1'000'000;
  make("rtt=20ms,up=1mbit");
  connect();
  send(edge_heard, std::string(600'000, 'x'));
  scheduler.run();
  EXPECT_THAT(edge_heard->downs, IsEmpty());
  for (int step = 0; step < 3000 && edge_heard->drained == 0; ++step) {
    advance(1ms);
  }
  EXPECT_EQ(edge_heard->drained, 1);
  send(edge_heard, std::string(600'000, 'x'));
  scheduler.run();
  ASSERT_EQ(edge_heard->downs.size(), 1U);
  EXPECT_EQ(edge_heard->downs[0].code, ErrorCode::queue_full);
}

TEST_F(MemoryNetworks, ReadNoMoreThanTheirOwnerTakes) {
  limits.max_inbound_bytes = 100'000;
  make();
  connect();
  cloud_heard->hold = true;
  for (int i = 0; i < 100; ++i) {
    send(edge_heard, std::string(100'000, 'x'));
  }
  scheduler.run();
  EXPECT_LE(cloud_heard->frames.size(), 5U);
  for (int round = 0; round < 100 && cloud_heard->frames.size() < 100; ++round) {
    cloud_heard->held.clear();
    scheduler.run();
  }
  EXPECT_EQ(cloud_heard->frames.size(), 100U);
  EXPECT_THAT(cloud_heard->downs, IsEmpty());
}

}  // namespace
}  // namespace cecollm::transport
