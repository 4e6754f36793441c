#include "actors/context_store.hpp"

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/listening_cloud_actors.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::actors {
namespace {

using ::testing::ElementsAre;

struct Heard {
  std::vector<DeepAsk> asks;
  std::vector<transport::Message> to_peer;
};

deep_compute_actor::behavior_type compute_that_hears(deep_compute_actor::pointer, Heard* heard) {
  return {[heard](const DeepAsk& work) { heard->asks.push_back(work); }, [](const DeepGenerate&) {},
          [](const DeepContinue&) {}, [](const DropSession&) {},
          [](const GetComputeLevel&) {
            return ComputeLevel{};
          }};
}

class ContextStoreActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    ContextStoreSetting setting;
    setting.hidden_size = 1;
    setting.max_positions = 100;
    setting.max_contexts = setting.max_contexts_per_client = 8;
    setting.max_asks_under_way = 2;
    setting.acknowledge_bytes = 100;
    setting.context_ttl = setting.grace_time = std::chrono::hours(1);
    setting.metrics = &cloud_metrics_;
    peer_ = system_.spawn(tests::listening_peer, &heard_.to_peer);
    compute_ = system_.spawn(compute_that_hears, &heard_);
    store_ = system_.spawn(context_store, setting, compute_);
    caf::anon_send(store_, AttachClient{"edge", 1, "fp32", peer_});
    run();
  }
  void TearDown() override {
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(store_), caf::actor_cast<caf::actor>(compute_),
          caf::actor_cast<caf::actor>(peer_)}) {
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    }
    advance(std::chrono::seconds(60));
  }

  template <class Message>
  void tell(Message message) {
    caf::anon_send(store_, std::move(message));
    run();
  }
  void open(std::uint64_t context, std::vector<std::int32_t> prompt = {}) {
    transport::OpenContext open;
    open.context = context;
    open.prompt = std::move(prompt);
    tell(StoreOpen{1, std::move(open)});
    heard_.to_peer.clear();
  }
  /// Of one value each.
  void add_rows(std::uint64_t context, std::uint64_t first, std::uint32_t count) {
    tell(StoreRows{1,
                   {context, 0, first, count,
                    std::make_shared<const std::vector<std::byte>>(std::size_t{4} * count)}});
  }
  void ask(std::uint64_t position, std::vector<std::int32_t> emitted) {
    transport::Ask ask;
    ask.context = 1;
    ask.position = position;
    ask.emitted = std::move(emitted);
    tell(StoreAsk{1, std::move(ask)});
  }

  monitoring::CloudMetrics cloud_metrics_{
      edge_registry_, {{"0", "fake", "", "1,2", "fp32"}, transport::fault_code_names()}};
  Heard heard_;
  peer_actor peer_;
  deep_compute_actor compute_;
  context_store_actor store_;
};

TEST_F(ContextStoreActor, ConfirmsTheRowsOfAllContextsTogether) {
  open(1);
  open(2);
  add_rows(1, 0, 20);
  EXPECT_TRUE(heard_.to_peer.empty());
  add_rows(2, 0, 5);
  ASSERT_EQ(heard_.to_peer.size(), 2U);
  const auto* first = std::get_if<transport::RowsHeld>(&heard_.to_peer[0]);
  const auto* second = std::get_if<transport::RowsHeld>(&heard_.to_peer[1]);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->next_sequence, 20U);
  EXPECT_EQ(second->next_sequence, 5U);
}

TEST_F(ContextStoreActor, KeepsTheHistoryOfAnAskThatIsOneTooMany) {
  open(1, {5, 6, 7});
  add_rows(1, 0, 3);
  ask(3, {});
  add_rows(1, 3, 1);
  ask(4, {10});
  add_rows(1, 4, 1);
  ask(5, {11});
  ASSERT_EQ(heard_.to_peer.size(), 1U);
  const auto* fault = std::get_if<transport::Fault>(&heard_.to_peer[0]);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->code, transport::FaultCode::overloaded);
  EXPECT_EQ(fault->position, 5U);

  tell(AskDone{{1, 1}, 0, false});
  add_rows(1, 5, 1);
  ask(6, {12});
  ASSERT_EQ(heard_.asks.size(), 3U);
  EXPECT_THAT(heard_.asks[0].prompt_history, ElementsAre(5, 6, 7));
  EXPECT_THAT(heard_.asks[1].output_history, ElementsAre(10));
  EXPECT_THAT(heard_.asks[2].output_history, ElementsAre(11, 12));
}

}  // namespace
}  // namespace cecollm::actors
