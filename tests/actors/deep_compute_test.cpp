#include "actors/deep_compute.hpp"

#include <variant>

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/listening_cloud_actors.hpp"

namespace cecollm::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using tests::fake_model;
using tests::FakeEngine;

/// One generation's shallow side.
struct Edge {
  FakeEngine engine{fake_model(), model::Part::edge};
  std::unique_ptr<model::Session> session = *engine.open({});
  std::int64_t length = 0;

  model::Rows rows(std::vector<model::TokenId> ids) {
    length += std::ssize(ids);
    model::Step step;
    step.session = session.get();
    step.input = std::move(ids);
    return (*engine.run(std::span(&step, 1)).front()).rows;
  }
};

class DeepComputeActor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    DeepComputeSetting setting;
    auto engine = std::make_shared<FakeEngine>(fake_model(), model::Part::cloud);
    engine->on_run = [this](std::span<const model::Step> steps) {
      auto& rows = passes_.emplace_back();
      for (const auto& step : steps) {
        const auto* input = std::get_if<model::Rows>(&step.input);
        rows.push_back(input != nullptr ? input->count : 0);
      }
    };
    setting.engines.cloud = engine;
    setting.batch.rows = 64;
    setting.max_waiting = 16;
    kv_budget_ = engine->kv_bytes_at(300);
    setting.engines.whole = std::make_shared<FakeEngine>(fake_model(), model::Part::cloud_only);
    make_scarce(setting);
    kv_budget_ = setting.kv_budget > 0 ? setting.kv_budget : kv_budget_;
    setting.kv_budget = kv_budget_;
    setting.metrics = &cloud_metrics_;
    compute_ = system_.spawn(deep_compute, std::move(setting));
    store_ = system_.spawn(tests::listening_store, &to_store_);
    peer_ = system_.spawn(tests::listening_peer, &to_peer_);
    sampling_.repetition_penalty = 1.9F;
    sampling_.presence_penalty = 2.0F;
  }

  virtual void make_scarce(DeepComputeSetting&) {}

  void post(DeepAsk work) { caf::send_as(store_, compute_, std::move(work)); }
  /// Of client and context `number`: what follows `ids`, which follow those of earlier calls.
  DeepAsk ask_of(std::uint64_t number, Edge& edge, std::vector<model::TokenId> ids) {
    DeepAsk work;
    work.key = {number, number};
    work.first_row = edge.length;
    work.rows = {edge.rows(std::move(ids))};
    work.position = edge.length;
    work.arrived = scheduler_.clock().now();
    work.peer = peer_;
    return work;
  }
  void stream(std::uint64_t number, std::vector<model::TokenId> prompt, std::uint32_t max_tokens) {
    DeepGenerate work;
    work.key = {number, number};
    work.generate.context = number;
    work.generate.prompt = std::move(prompt);
    work.generate.max_tokens = max_tokens;
    work.generate.ignore_eos = true;
    work.generate.sampling.seed = 7;
    work.generate.sampling.temperature = 1.0F;
    work.generate.sampling.repetition_penalty = 1.9F;
    work.generate.sampling.presence_penalty = 1.0F;
    work.peer = peer_;
    caf::send_as(store_, compute_, std::move(work));
  }
  std::vector<model::TokenId> streamed(std::uint64_t context) const {
    std::vector<model::TokenId> ids;
    for (const auto& message : to_peer_) {
      const auto* token = std::get_if<transport::Generated>(&message);
      if (token != nullptr && token->context == context) ids.push_back(token->token);
    }
    return ids;
  }
  std::vector<std::uint64_t> replied() const {
    std::vector<std::uint64_t> contexts;
    for (const auto& message : to_peer_) {
      if (const auto* reply = std::get_if<transport::Reply>(&message)) {
        contexts.push_back(reply->context);
      }
    }
    return contexts;
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
    work.first_row = position - rows.count;
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

  std::vector<std::vector<std::int64_t>> passes_;  // rows of each step
  std::int64_t kv_budget_ = 0;
  monitoring::CloudMetrics cloud_metrics_{edge_registry_, cloud_labels()};
  FakeEngine edge_{fake_model(), model::Part::edge};
  std::unique_ptr<model::Session> shallow_ = *edge_.open({});
  model::SamplingParams sampling_;
  std::vector<transport::Message> to_peer_;
  tests::HeardByStore to_store_;
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
  EXPECT_EQ(to_store_.done.size(), 1U);
}

TEST_F(DeepComputeActor, BeginsAContextAnewThatIsRestartedBeforeItsFirstStep) {
  Edge edge;
  post(ask_of(1, edge, {5, 6, 7}));
  // Both are here when the step begins. Another edge than ours may go back to no rows at all.
  caf::send_as(store_, compute_, RestartSession{{1, 1}, 0, sampling_});
  run();
  EXPECT_THAT(replied(), SizeIs(0));
  Edge again;
  post(ask_of(1, again, {8, 9}));
  run();
  EXPECT_THAT(replied(), ElementsAre(1U));
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

TEST_F(DeepComputeActor, SendsAnAskBackWhoseEarlierRowsItHasNot) {
  rows_of({5, 6, 7});
  auto work = ask(5, rows_of({8, 9}));
  work.first_row = 3;
  work.remaining = std::chrono::milliseconds(100);
  const auto arrived = work.arrived;
  send(std::move(work));
  EXPECT_TRUE(to_peer_.empty()) << "a token of another position";
  ASSERT_EQ(to_store_.returned.size(), 1U);
  EXPECT_EQ(to_store_.returned[0].position, 5);
  EXPECT_EQ(to_store_.returned[0].arrived, arrived);
  EXPECT_EQ(to_store_.returned[0].remaining, std::chrono::milliseconds(100));
}

TEST_F(DeepComputeActor, AnswersAllThatWaitInOnePass) {
  for (std::uint64_t number = 1; number <= 7; ++number) {
    Edge edge;
    post(ask_of(number, edge, {5, static_cast<model::TokenId>(number)}));
  }
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(passes_, ElementsAre(ElementsAre(2, 2, 2, 2, 2, 2, 2)));
}

TEST_F(DeepComputeActor, TakesALongPromptInPiecesBesideOthersTokens) {
  Edge reader;
  Edge talker;
  post(ask_of(1, reader, std::vector<model::TokenId>(200, 9)));
  post(ask_of(2, talker, {5}));
  run();
  EXPECT_THAT(replied(), ElementsAre(2, 1));
  EXPECT_THAT(passes_,
              ElementsAre(ElementsAre(1, 63), ElementsAre(64), ElementsAre(64), ElementsAre(9)));
}

TEST_F(DeepComputeActor, ComputesRowsAheadOfTheirAskWhereNobodyWaits) {
  Edge edge;
  post(ask_of(1, edge, {5}));
  run();
  caf::send_as(store_, compute_, DeepRows{{1, 1}, 1, edge.rows({6})});
  run();
  EXPECT_EQ(cloud_metrics_.rows_ahead.Value(), 1.0);
  post(ask_of(1, edge, {}));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 1));
  EXPECT_THAT(passes_, ElementsAre(ElementsAre(1), ElementsAre(1), ElementsAre(0)));
}

TEST_F(DeepComputeActor, ForgetsAnAskThatTheNextOneOvertook) {
  Edge edge;
  post(ask_of(1, edge, {5}));
  post(ask_of(1, edge, {6}));
  run();
  ASSERT_EQ(to_peer_.size(), 1U);
  EXPECT_EQ(std::get<transport::Reply>(to_peer_[0]).position, 2U);
  EXPECT_EQ(to_store_.done.size(), 2U);
}

TEST_F(DeepComputeActor, DropsASessionWhateverWaits) {
  Edge edge;
  post(ask_of(1, edge, {5}));
  caf::send_as(store_, compute_, DropSession{{1, 1}});
  run();
  EXPECT_TRUE(to_peer_.empty());
  EXPECT_TRUE(passes_.empty());
  EXPECT_EQ(cloud_metrics_.asks[monitoring::CloudAskOutcome::abandoned].Value(), 1.0);
}

class DeepComputeWithAShortQueue : public DeepComputeActor {
 protected:
  void make_scarce(DeepComputeSetting& setting) override { setting.max_waiting = 2; }
};

TEST_F(DeepComputeWithAShortQueue, TellsTheAskThatIsOneTooManyToComeAgain) {
  Edge edges[3];
  for (std::uint64_t i = 0; i < 3; ++i) post(ask_of(i + 1, edges[i], {5}));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2));
  const auto* fault = std::get_if<transport::Fault>(&to_peer_[0]);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->code, transport::FaultCode::overloaded);
  EXPECT_EQ(fault->context, 3U);
  // What it brought was kept: the next ask is answered as if nothing had been.
  post(ask_of(3, edges[2], {6}));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2, 3));
}

/// Room for the KV of 30 positions.
class DeepComputeWithLittleMemory : public DeepComputeActor {
 protected:
  void make_scarce(DeepComputeSetting& setting) override {
    setting.kv_budget = setting.engines.cloud->kv_bytes_at(30);
  }
};

TEST_F(DeepComputeWithLittleMemory, GivesUpTheLongestUnaskedCache) {
  Edge old;
  post(ask_of(1, old, std::vector<model::TokenId>(20, 5)));
  run();
  advance(std::chrono::milliseconds(1));
  Edge fresh;
  post(ask_of(2, fresh, std::vector<model::TokenId>(20, 6)));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2));
  ASSERT_EQ(to_store_.evicted.size(), 1U);
  EXPECT_EQ(to_store_.evicted[0].key, (ContextKey{1, 1}));
  EXPECT_LE(cloud_metrics_.kv_bytes.Value(), static_cast<double>(kv_budget_));

  advance(std::chrono::milliseconds(1));
  Edge again;
  auto rebuilt = ask_of(1, again, std::vector<model::TokenId>(21, 5));
  rebuilt.rebuilds = true;
  post(std::move(rebuilt));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2, 1));
  EXPECT_EQ(to_store_.evicted.size(), 2U);
  EXPECT_EQ(cloud_metrics_.rebuilds.Value(), 1.0);
}

TEST_F(DeepComputeWithLittleMemory, LetsThoseThatDoNotFitTogetherTakeTurns) {
  Edge one;
  Edge other;
  post(ask_of(1, one, std::vector<model::TokenId>(20, 5)));
  post(ask_of(2, other, std::vector<model::TokenId>(20, 6)));
  run();
  EXPECT_THAT(replied(), ElementsAre(1, 2));
  EXPECT_THAT(passes_, ElementsAre(ElementsAre(20), ElementsAre(20)));
}

TEST_F(DeepComputeWithLittleMemory, LetsStreamsThatDoNotFitTogetherTakeTurns) {
  const std::vector<model::TokenId> one(8, 5);
  const std::vector<model::TokenId> other(8, 6);
  stream(1, one, 10);
  run();
  stream(2, other, 10);
  run();
  EXPECT_EQ(cloud_metrics_.evictions.Value(), 0.0) << "one after the other";
  stream(3, one, 10);
  stream(4, other, 10);
  run();
  EXPECT_GT(cloud_metrics_.evictions.Value(), 0.0);
  EXPECT_GT(cloud_metrics_.rebuilds.Value(), 0.0);
  EXPECT_THAT(streamed(3), SizeIs(10));
  EXPECT_EQ(streamed(3), streamed(1)) << "as if it had been alone";
  EXPECT_EQ(streamed(4), streamed(2));
  EXPECT_EQ(cloud_metrics_.kv_bytes.Value(), 0.0);
}

TEST_F(DeepComputeWithLittleMemory, RefusesAContextThatTheMemoryCannotHold) {
  Edge edge;
  post(ask_of(1, edge, std::vector<model::TokenId>(40, 5)));
  run();
  ASSERT_EQ(to_peer_.size(), 1U);
  const auto* fault = std::get_if<transport::Fault>(&to_peer_[0]);
  ASSERT_NE(fault, nullptr);
  EXPECT_EQ(fault->code, transport::FaultCode::limit);
  EXPECT_EQ(to_store_.lost.size(), 1U);
  EXPECT_EQ(cloud_metrics_.kv_bytes.Value(), 0.0);
}

}  // namespace
}  // namespace cecollm::actors
