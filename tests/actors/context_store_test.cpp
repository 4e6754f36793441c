#include "actors/context_store.hpp"

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/listening_cloud_actors.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::actors {
namespace {

using ::testing::ElementsAre;

struct HeardFromStore {
  std::vector<DeepAsk> asks;
  std::vector<DeepRows> ahead;
  std::vector<ContextKey> dropped;
  std::vector<RestartSession> restarts;
  std::vector<transport::Message> to_peer;
};

deep_compute_actor::behavior_type compute_that_hears(deep_compute_actor::pointer,
                                                     HeardFromStore* heard) {
  return {[heard](const DeepAsk& work) { heard->asks.push_back(work); },
          [heard](const DeepRows& work) { heard->ahead.push_back(work); },
          [](const DeepGenerate&) {},
          [heard](const RestartSession& restart) { heard->restarts.push_back(restart); },
          [](const RunStep&) {},
          [heard](const DropSession& drop) { heard->dropped.push_back(drop.key); },
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
    setting.max_row_bytes = 400;
    setting.max_row_bytes_per_identity = 300;
    setting.max_contexts_per_identity = 3;
    setting.metrics = &cloud_metrics_;
    peer_ = system_.spawn(tests::listening_peer, &heard_.to_peer);
    compute_ = system_.spawn(compute_that_hears, &heard_);
    store_ = system_.spawn(context_store, setting, compute_);
    tell(AttachClient{"edge", 1, "fp32", peer_});
    tell(AttachClient{"edge", 2, "fp32", peer_});
    tell(AttachClient{"other", 1, "fp32", peer_});
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
  void open(std::uint64_t context, std::vector<std::int32_t> prompt = {}, ClientId client = 1) {
    transport::OpenContext open;
    open.context = context;
    open.prompt = std::move(prompt);
    tell(StoreOpen{client, std::move(open)});
  }
  /// Of one value each.
  void add_rows(std::uint64_t context, std::uint64_t first, std::uint32_t count,
                ClientId client = 1) {
    tell(StoreRows{client,
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

  /// The only fault since the last look.
  transport::Fault fault() {
    std::vector<transport::Fault> faults;
    for (const auto& message : heard_.to_peer) {
      if (const auto* one = std::get_if<transport::Fault>(&message)) faults.push_back(*one);
    }
    heard_.to_peer.clear();
    EXPECT_EQ(faults.size(), 1U);
    return faults.empty() ? transport::Fault{} : faults.front();
  }
  StoreLevel level() {
    StoreLevel level;
    caf::scoped_actor asker{system_};
    auto request = asker->request(store_, caf::infinite, GetStoreLevel{});
    run();
    request.receive([&](const StoreLevel& answer) { level = answer; },
                    [](const caf::error& error) { FAIL() << caf::to_string(error); });
    return level;
  }

  monitoring::CloudMetrics cloud_metrics_{
      edge_registry_, {{"0", "fake", "", "1,2", "fp32"}, transport::fault_code_names()}};
  HeardFromStore heard_;
  peer_actor peer_;
  deep_compute_actor compute_;
  context_store_actor store_;
};

TEST_F(ContextStoreActor, ConfirmsTheRowsOfAllContextsTogether) {
  open(1);
  open(2);
  heard_.to_peer.clear();
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
  heard_.to_peer.clear();
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

  tell(AskDone{{1, 1}});
  add_rows(1, 5, 1);
  ask(6, {12});
  ASSERT_EQ(heard_.asks.size(), 3U);
  EXPECT_THAT(heard_.asks[0].prompt_history, ElementsAre(5, 6, 7));
  EXPECT_THAT(heard_.asks[1].output_history, ElementsAre(10));
  EXPECT_THAT(heard_.asks[2].output_history, ElementsAre(11, 12));
}

TEST_F(ContextStoreActor, HandsRowsOverAheadOnlyToAContextThatHasAsked) {
  open(1);
  add_rows(1, 0, 3);
  EXPECT_TRUE(heard_.ahead.empty());
  ask(3, {});
  add_rows(1, 3, 2);
  ASSERT_EQ(heard_.ahead.size(), 1U);
  EXPECT_EQ(heard_.ahead[0].first_row, 3);
  EXPECT_EQ(heard_.ahead[0].rows.count, 2);
  ask(5, {});
  EXPECT_EQ(heard_.asks[1].first_row, 5);
  EXPECT_TRUE(heard_.asks[1].rows.empty()) << "handed over twice";
}

TEST_F(ContextStoreActor, HandsEverythingOverAgainAfterTheCacheWasGivenUp) {
  open(1, {5, 6, 7});
  add_rows(1, 0, 3);
  ask(3, {});
  tell(AskDone{{1, 1}});
  add_rows(1, 3, 1);
  tell(SessionEvicted{{1, 1}, 0});
  add_rows(1, 4, 1);
  ask(5, {10, 11});
  tell(AskDone{{1, 1}});
  add_rows(1, 5, 1);
  tell(SessionEvicted{{1, 1}, 0});
  ask(6, {12});
  const auto& again = heard_.asks.back();
  EXPECT_EQ(again.first_row, 0);
  EXPECT_TRUE(again.rebuilds);
  std::int64_t rows = 0;
  for (const auto& chunk : again.rows) rows += chunk.count;
  EXPECT_EQ(rows, 6);
  EXPECT_THAT(again.prompt_history, ElementsAre(5, 6, 7));
  EXPECT_THAT(again.output_history, ElementsAre(10, 11, 12));
}

TEST_F(ContextStoreActor, AsksAgainWithAllRowsWhereAnAskCrossedAnEviction) {
  open(1);
  add_rows(1, 0, 3);
  ask(3, {});
  tell(AskDone{{1, 1}});
  add_rows(1, 3, 1);
  ask(4, {});
  const auto arrived = scheduler_.clock().now() - std::chrono::milliseconds(5);
  tell(SessionEvicted{{1, 1}, 0});
  tell(AskReturned{{1, 1}, 0, 4, arrived, std::chrono::milliseconds(20)});
  ASSERT_EQ(heard_.asks.size(), 3U);
  EXPECT_EQ(heard_.asks[2].first_row, 0);
  EXPECT_EQ(heard_.asks[2].position, 4);
  EXPECT_EQ(heard_.asks[2].arrived, arrived) << "its deadline began then";
  EXPECT_EQ(heard_.asks[2].remaining, std::chrono::milliseconds(20));
}

TEST_F(ContextStoreActor, ForgetsAnAskThatItsEdgeHasGoneOnWithout) {
  open(1);
  add_rows(1, 0, 3);
  ask(3, {});
  add_rows(1, 3, 1);
  const auto now = scheduler_.clock().now();
  tell(AskReturned{{1, 1}, 0, 3, now, std::chrono::milliseconds(0)});
  EXPECT_EQ(heard_.asks.size(), 1U);
  ask(4, {});
  EXPECT_EQ(heard_.asks.size(), 2U) << "the ask before still counts as under way";
}

TEST_F(ContextStoreActor, TakesNoContextForIdleWhoseAskIsUnderWay) {
  open(1);
  add_rows(1, 0, 3);
  ask(3, {});
  advance(std::chrono::hours(2));
  EXPECT_EQ(level().contexts, 1U);
  tell(AskDone{{1, 1}});
  advance(std::chrono::minutes(50));
  EXPECT_EQ(level().contexts, 1U);
  advance(std::chrono::minutes(11));
  EXPECT_EQ(level().contexts, 0U);
  EXPECT_THAT(heard_.dropped, ElementsAre(ContextKey{1, 1}));
}

TEST_F(ContextStoreActor, DropsAnIdleContextThoughAnAskOfAnEarlierEpochWasGivenUp) {
  transport::OpenContext open;
  open.context = 1;
  open.sampling.repetition_penalty = 1.5F;
  tell(StoreOpen{1, open});
  add_rows(1, 0, 3);
  ask(3, {});
  open.epoch = 1;
  tell(StoreOpen{1, open});
  advance(std::chrono::hours(2));
  EXPECT_EQ(level().contexts, 0U);
}

TEST_F(ContextStoreActor, CountsNoAskOfAPastEpochForTheCurrentOne) {
  transport::OpenContext open;
  open.context = 1;
  tell(StoreOpen{1, open});
  add_rows(1, 0, 3);
  ask(3, {});
  open.epoch = 1;
  tell(StoreOpen{1, open});
  transport::Ask again;
  again.context = 1;
  again.epoch = 1;
  again.position = 3;
  tell(StoreAsk{1, again});
  tell(AskDone{{1, 1}, 0, 3});  // the answer to the first
  advance(std::chrono::hours(2));
  EXPECT_EQ(level().contexts, 1U) << "the second ask is under way";
  tell(AskDone{{1, 1}, 1, 3});
  advance(std::chrono::hours(2));
  EXPECT_EQ(level().contexts, 0U);
}

TEST_F(ContextStoreActor, LetsAReopenedContextAskThoughItsPastAsksWereNeverAnswered) {
  transport::OpenContext open;
  open.context = 1;
  tell(StoreOpen{1, open});
  add_rows(1, 0, 3);
  ask(3, {});
  ask(3, {});  // as many as may be under way
  open.epoch = 1;
  tell(StoreOpen{1, open});
  heard_.to_peer.clear();
  transport::Ask again;
  again.context = 1;
  again.epoch = 1;
  again.position = 3;
  tell(StoreAsk{1, again});
  EXPECT_TRUE(heard_.to_peer.empty()) << "refused";
  EXPECT_EQ(heard_.asks.back().epoch, 1U);
}

TEST_F(ContextStoreActor, GoesOnWithAContextAsAnotherGeneration) {
  open(1, {5, 6, 7});
  add_rows(1, 0, 3);
  add_rows(1, 3, 4);
  ask(7, {10, 11, 12, 13});
  tell(AskDone{{1, 1}, 0, 7});
  transport::OpenContext next;
  next.context = 1;
  next.epoch = 1;
  next.sampling.temperature = 2.0F;
  next.sampling.repetition_penalty = 1.5F;
  next.prompt = {5, 6, 7, 10, 11, 20};
  next.rows = 5;
  heard_.to_peer.clear();
  tell(StoreOpen{1, next});
  ASSERT_EQ(heard_.to_peer.size(), 1U);
  EXPECT_EQ(std::get<transport::RowsHeld>(heard_.to_peer[0]).next_sequence, 5U);
  EXPECT_EQ(level().row_bytes, 5U * 4U);
  ASSERT_EQ(heard_.restarts.size(), 1U);
  EXPECT_EQ(heard_.restarts[0].rows, 5);
  EXPECT_EQ(heard_.restarts[0].sampling.temperature, 2.0F);
  EXPECT_TRUE(heard_.dropped.empty()) << "its KV is worth keeping";

  tell(StoreRows{1, {1, 1, 5, 1, std::make_shared<const std::vector<std::byte>>(std::size_t{4})}});
  transport::Ask again;
  again.context = 1;
  again.epoch = 1;
  again.position = 6;
  tell(StoreAsk{1, again});
  const auto& asked = heard_.asks.back();
  EXPECT_EQ(asked.sampling.temperature, 2.0F);
  EXPECT_THAT(asked.prompt_history, ElementsAre(5, 6, 7, 10, 11, 20));
  EXPECT_THAT(asked.output_history, ElementsAre()) << "of the generation before";
}

TEST_F(ContextStoreActor, LeavesDeepComputeAloneWhereAContextIsOnlyOpenedAgain) {
  transport::OpenContext open;
  open.context = 1;
  tell(StoreOpen{1, open});
  add_rows(1, 0, 3);
  ask(3, {});
  open.epoch = 1;
  tell(StoreOpen{1, open});
  EXPECT_TRUE(heard_.restarts.empty());
}

TEST_F(ContextStoreActor, DropsTheLongestUnusedContextWhereRowsFillTheMemory) {
  open(1);
  add_rows(1, 0, 30);
  advance(std::chrono::milliseconds(1));
  open(2);
  add_rows(2, 0, 40);
  advance(std::chrono::milliseconds(1));
  open(3, {}, 3);
  heard_.to_peer.clear();
  add_rows(3, 0, 60, 3);  // 520 of 400 bytes
  const auto told = fault();
  EXPECT_EQ(told.code, transport::FaultCode::limit);
  EXPECT_EQ(told.context, 1U);
  EXPECT_THAT(heard_.dropped, ElementsAre(ContextKey{1, 1}));
  EXPECT_EQ(level().row_bytes, 400U);
  EXPECT_EQ(cloud_metrics_.contexts_dropped.Value(), 1.0);
}

TEST_F(ContextStoreActor, HoldsTheEdgesOfOneCertificateToTheirQuotaTogether) {
  open(1, {}, 1);
  add_rows(1, 0, 50, 1);
  advance(std::chrono::milliseconds(1));
  open(1, {}, 2);
  heard_.to_peer.clear();
  add_rows(1, 0, 30, 2);  // 320 of 300 bytes
  EXPECT_EQ(fault().code, transport::FaultCode::limit);
  EXPECT_THAT(heard_.dropped, ElementsAre(ContextKey{1, 1}));
  open(2, {}, 1);
  open(3, {}, 1);
  heard_.to_peer.clear();
  open(2, {}, 2);
  EXPECT_EQ(fault().code, transport::FaultCode::limit) << "a fourth context";
  open(1, {}, 3);
  EXPECT_EQ(level().contexts, 4U) << "another certificate has its own quota";
}

TEST_F(ContextStoreActor, DropsAContextThatAloneExceedsTheMemory) {
  open(1, {}, 3);
  heard_.to_peer.clear();
  add_rows(1, 0, 100, 3);  // 400 bytes, of a quota of 300
  EXPECT_EQ(fault().code, transport::FaultCode::limit);
  EXPECT_EQ(level().contexts, 0U);
  EXPECT_EQ(level().row_bytes, 0U);
}

TEST_F(ContextStoreActor, AttachesOnlyEdgesThatAreAllowed) {
  tell(AllowEdges{policy::AllowList({"edge"})});
  const auto attach = [&](const std::string& identity) {
    std::optional<ClientAttached> answer;
    auto request =
        self_->request(store_, std::chrono::seconds(1), AttachClient{identity, 9, "fp32", peer_});
    run();
    request.receive([&](const ClientAttached& attached) { answer = attached; },
                    [](const caf::error&) {});
    return answer.value();
  };
  EXPECT_FALSE(attach("edge").refusal);
  const auto refused = attach("edge-9");
  ASSERT_TRUE(refused.refusal);
  EXPECT_EQ(refused.client, 0U);
  EXPECT_EQ(refused.refusal->code, transport::FaultCode::unauthorized);
  EXPECT_EQ(refused.refusal->message, "the cloud's link.allow does not name 'edge-9'");
}

TEST_F(ContextStoreActor, SendsEdgesAwayThatAreAllowedNoMore) {
  heard_.to_peer.clear();
  tell(AllowEdges{policy::AllowList({"edge"})});
  ASSERT_EQ(heard_.to_peer.size(), 1U) << "the one called other";
  const auto* fault = std::get_if<transport::Fault>(&heard_.to_peer[0]);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->code, transport::FaultCode::unauthorized);
  EXPECT_FALSE(fault->context) << "it concerns the connection";
  tell(AllowEdges{});
  EXPECT_EQ(heard_.to_peer.size(), 1U);
}

}  // namespace
}  // namespace cecollm::actors
