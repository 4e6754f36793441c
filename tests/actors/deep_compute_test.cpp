#include "actors/deep_compute.hpp"

#include <variant>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/listening_cloud_actors.hpp"

namespace cecollm::actors {
namespace {

using tests::fake_model;
using tests::FakeEngine;

class DeepComputeActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    DeepComputeSetting setting;
    setting.engines.cloud = std::make_shared<FakeEngine>(fake_model(), model::Part::cloud);
    setting.metrics = &cloud_metrics_;
    compute_ = system_.spawn(deep_compute, std::move(setting));
    store_ = system_.spawn(tests::listening_store, &done_);
    peer_ = system_.spawn(tests::listening_peer, &to_peer_);
    sampling_.repetition_penalty = 1.9F;
    sampling_.presence_penalty = 2.0F;
  }

  /// Rows of `ids` that follow those of earlier calls.
  model::Rows rows_of(std::vector<model::TokenId> ids) {
    model::Step step;
    step.session = shallow_.get();
    step.input = std::move(ids);
    return (*edge_.run(std::span(&step, 1)).front()).rows;
  }

  DeepAsk ask(std::int64_t position, model::Rows rows) {
    DeepAsk work;
    work.key = {1, 1};
    work.position = position;
    work.rows = {std::move(rows)};
    work.sampling = sampling_;
    work.arrived = scheduler_.clock().now();
    work.peer = peer_;
    return work;
  }

  void send(DeepAsk work) {
    caf::send_as(store_, compute_, std::move(work));
    run();
  }

  monitoring::CloudMetrics cloud_metrics_{edge_registry_, cloud_labels()};
  FakeEngine edge_{fake_model(), model::Part::edge};
  std::unique_ptr<model::Session> shallow_ = *edge_.open({});
  model::SamplingParams sampling_;
  std::vector<transport::Message> to_peer_;
  std::vector<AskDone> done_;
  deep_compute_actor compute_;
  context_store_actor store_;
  peer_actor peer_;
};

TEST_F(DeepComputeActor, AnswersAnAskWithTheTokenThatFollows) {
  send(ask(3, rows_of({5, 6, 7})));
  ASSERT_EQ(to_peer_.size(), 1U);
  const auto* reply = std::get_if<transport::Reply>(&to_peer_[0]);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->position, 3U);
  EXPECT_EQ(reply->next_sequence, 3U);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_FALSE(done_[0].session_lost);
}

TEST_F(DeepComputeActor, SaysLateInsteadOfComputingWhatNobodyWaitsFor) {
  auto late = ask(3, rows_of({5, 6, 7}));
  late.remaining = std::chrono::milliseconds(10);
  late.arrived -= std::chrono::milliseconds(11);
  send(std::move(late));
  ASSERT_EQ(to_peer_.size(), 1U);
  const auto* fault = std::get_if<transport::Fault>(&to_peer_[0]);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->code, transport::FaultCode::late);
  EXPECT_EQ(fault->position, 3U);
}

TEST_F(DeepComputeActor, KeepsTheHistoryOfALateAskForThePenaltiesOfTheNext) {
  const std::vector<model::TokenId> prompt{5, 6, 7};
  auto late = ask(3, rows_of(prompt));
  late.prompt_history = prompt;
  late.remaining = std::chrono::milliseconds(10);
  late.arrived -= std::chrono::milliseconds(11);
  send(std::move(late));

  // Every token was emitted before: only penalties that know them can tell them apart.
  std::vector<model::TokenId> output;
  for (model::TokenId id = 3; id < 40; ++id) output.push_back(id);
  auto next = ask(static_cast<std::int64_t>(prompt.size() + output.size()), rows_of(output));
  next.output_history = output;
  send(std::move(next));

  FakeEngine whole(fake_model(), model::Part::whole);
  const auto session = *whole.open(sampling_);
  model::Step step;
  step.session = session.get();
  auto ids = prompt;
  ids.insert(ids.end(), output.begin(), output.end());
  step.input = ids;
  step.prompt_history = prompt;
  step.output_history = output;
  step.read = {whole.stages().size() - 1};
  const auto expected = (*whole.run(std::span(&step, 1)).front()).readings.front().token;
  ASSERT_EQ(to_peer_.size(), 2U);
  const auto* reply = std::get_if<transport::Reply>(&to_peer_[1]);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(reply->token, expected);
}

TEST_F(DeepComputeActor, SendsForAllRowsAgainWhereItsSessionWasLost) {
  rows_of({5, 6, 7});
  send(ask(5, rows_of({8, 9})));
  ASSERT_EQ(to_peer_.size(), 1U);
  const auto* fault = std::get_if<transport::Fault>(&to_peer_[0]);
  ASSERT_NE(fault, nullptr) << "a token of another position";
  EXPECT_EQ(fault->code, transport::FaultCode::sequence_gap);
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_TRUE(done_[0].session_lost);
}

}  // namespace
}  // namespace cecollm::actors
