#include "actors/peer.hpp"

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_nodes.hpp"
#include "tests/support/listening_cloud_actors.hpp"
#include "transport/codec.hpp"

namespace cecollm::actors {
namespace {

struct Sent {
  std::vector<transport::Message> messages;
  int closes = 0;
};

caf::behavior connection_that_hears(caf::event_based_actor*, Sent* sent) {
  return {[sent](const transport::SendFrame& frame) {
            const std::span<const char> bytes(*frame.bytes);
            sent->messages.push_back(
                *transport::decode_envelope(bytes.subspan(transport::frame_prefix_bytes)));
          },
          [sent](const transport::CloseConnection&) {
            ++sent->closes;
          }};
}

class PeerActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    store_ = system_.spawn(tests::listening_store, &to_store_);
    connection_ = system_.spawn(connection_that_hears, &sent_);
    PeerSetting setting;
    setting.offer.model = tests::digests_of(tests::fake_model());
    setting.offer.hidden_size = 16;
    setting.store = store_;
    setting.metrics = &cloud_metrics_;
    peer_ = system_.spawn(peer, std::move(setting));
    run();
  }
  void TearDown() override {
    if (peer_) caf::anon_send(peer_, transport::ConnectionDown{});
    caf::anon_send_exit(store_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(connection_, caf::exit_reason::user_shutdown);
    advance(std::chrono::seconds(60));
  }
  void connect() {
    caf::anon_send(peer_, transport::ConnectionUp{connection_, "edge", "memory"});
    run();
  }
  static transport::FrameArrived frame_of(const transport::Message& message,
                                          std::shared_ptr<const void> credit) {
    auto frame = transport::encode_frame(message);
    frame.erase(frame.begin(), frame.begin() + transport::frame_prefix_bytes);
    return {std::move(frame), std::move(credit)};
  }
  static transport::Hello good_hello() {
    transport::Hello hello;
    hello.model = tests::digests_of(tests::fake_model());
    hello.row_dtype = "fp32";
    hello.hidden_size = 16;
    return hello;
  }
  /// The edge does.
  void says(const transport::Message& message, std::shared_ptr<const void> credit) {
    caf::anon_send(peer_, frame_of(message, std::move(credit)));
    run();
  }
  void end_store() {
    caf::anon_send_exit(store_, caf::exit_reason::user_shutdown);
    run();
  }

  monitoring::CloudMetrics cloud_metrics_{
      edge_registry_, {{"0", "fake", "", "1,2", "fp32"}, transport::fault_code_names()}};
  tests::HeardByStore to_store_;
  Sent sent_;
  context_store_actor store_;
  caf::actor connection_;
  peer_actor peer_;
};

TEST_F(PeerActor, SendsAnEdgeAwayThatConnectedWhileTheCloudStopped) {
  connect();
  end_store();
  ASSERT_EQ(sent_.messages.size(), 1U);
  const auto* away = std::get_if<transport::GoAway>(&sent_.messages[0]);
  ASSERT_NE(away, nullptr);
  EXPECT_EQ(away->reason, "the cloud has stopped");
  EXPECT_EQ(sent_.closes, 1);
}

TEST_F(PeerActor, EndsWithItsCloudWhereNothingIsConnectedYet) {
  self_->monitor(peer_);
  end_store();
  bool ended = false;
  self_->receive([&](const caf::down_msg&) { ended = true; },
                 caf::after(std::chrono::seconds(0)) >> [] {});
  EXPECT_TRUE(ended);
}

TEST_F(PeerActor, DetachesAnEdgeThatIsGoneBeforeTheStoreHasAttachedIt) {
  connect();
  auto hello = good_hello();
  hello.instance = 12;
  caf::anon_send(peer_, frame_of(hello, {}));
  caf::anon_send(std::exchange(peer_, {}), transport::ConnectionDown{});
  run();
  ASSERT_EQ(to_store_.attached.size(), 1U);
  ASSERT_EQ(to_store_.detached.size(), 1U) << "the store would keep the edge for ever";
  EXPECT_EQ(to_store_.detached[0].identity, to_store_.attached[0].identity);
  EXPECT_EQ(to_store_.detached[0].instance, 12U);
  EXPECT_EQ(to_store_.detached[0].peer, to_store_.attached[0].peer);
}

TEST_F(PeerActor, HoldsAFramesCreditUntilTheStoreHasTakenTheRows) {
  connect();
  says(good_hello(), {});
  transport::RowBatch rows;
  rows.payload = std::make_shared<const std::vector<std::byte>>(64);
  auto credit = std::make_shared<const int>();
  const std::weak_ptr<const int> held = credit;
  caf::anon_send(peer_, frame_of(rows, std::exchange(credit, nullptr)));
  ASSERT_TRUE(scheduler_.prioritize(peer_));
  scheduler_.run_once();
  EXPECT_FALSE(held.expired()) << "rows in the store's mailbox that nothing bounds";
  run();
  EXPECT_TRUE(held.expired());
}

TEST_F(PeerActor, ClosesAConnectionThatTheStoreRefuses) {
  connect();
  says(good_hello(), {});
  transport::Fault fault;
  fault.code = transport::FaultCode::unauthorized;
  fault.message = "not this one";
  caf::anon_send(peer_, ToPeer{fault});
  run();
  ASSERT_FALSE(sent_.messages.empty());
  EXPECT_EQ(sent_.messages.back(), transport::Message(fault));
  EXPECT_EQ(sent_.closes, 1);
  EXPECT_EQ(cloud_metrics_.faults[transport::FaultCode::unauthorized].Value(), 1);
}

TEST_F(PeerActor, KeepsAConnectionWhereAFaultIsOfAContext) {
  connect();
  says(good_hello(), {});
  transport::Fault fault;
  fault.code = transport::FaultCode::overloaded;
  fault.context = 3;
  caf::anon_send(peer_, ToPeer{fault});
  run();
  EXPECT_EQ(sent_.messages.back(), transport::Message(fault));
  EXPECT_EQ(sent_.closes, 0);
}

}  // namespace
}  // namespace cecollm::actors
