// Edge and cloud with fake engines, everything between them real.

#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/reference.hpp"
#include "tests/support/fake_nodes.hpp"

namespace cecollm::actors {
namespace {

using ::testing::HasSubstr;
using tests::fake_model;
using tests::FakeCloud;
using tests::FakeEdge;
using tests::FakeEngine;
using tests::FakeModel;
using tests::Generated;

GenerationRequest request(std::vector<model::TokenId> prompt, std::vector<float> thresholds,
                          std::int64_t max_tokens = 40) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.thresholds.values = std::move(thresholds);
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  request.token_deadline = tests::patience;
  request.first_token_deadline = tests::patience;
  return request;
}

/// What one process that runs all layers would give.
std::vector<model::ReferenceToken> reference(const FakeModel& model,
                                             const GenerationRequest& request) {
  FakeEngine whole(model, model::Part::whole);
  model::ReferenceRequest wanted;
  wanted.prompt = std::get<std::vector<model::TokenId>>(request.prompt);
  wanted.thresholds = request.thresholds.values;
  wanted.max_tokens = static_cast<int>(request.max_tokens);
  wanted.ignore_eos = request.ignore_eos;
  wanted.sampling = request.sampling;
  return *model::run_reference(whole, wanted);
}

void expect_same(const Generated& generated, const std::vector<model::ReferenceToken>& expected) {
  ASSERT_EQ(generated.end.error, "");
  ASSERT_EQ(generated.ids.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(generated.ids[i], expected[i].id) << "token " << i;
    const auto head = expected[i].head;
    const policy::Source source =
        head == model::final_head
            ? policy::Source{policy::Source::Kind::cloud, 0}
            : policy::Source{policy::Source::Kind::exit, static_cast<std::size_t>(head)};
    EXPECT_EQ(generated.sources[i], source) << "token " << i;
  }
}

/// Waits for it, as long as a test may.
bool comes_true(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + tests::patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

class EdgeAndCloud : public ::testing::Test {
 protected:
  tests::Pki pki_;
};

TEST_F(EdgeAndCloud, GiveTheReferencesTokensAndSourcesForRandomPromptsCutsAndThresholds) {
  std::mt19937 random(20261123);
  const std::vector<std::vector<int>> cuts{{3, 6}, {1}, {5, 11}, {2, 4, 7, 9}, {11}};
  for (const auto& cut : cuts) {
    FakeModel model = fake_model();
    model.config.exits->layers = cut;
    model.seed = random();
    FakeCloud cloud(pki_, {.model = model});
    FakeEdge edge(pki_, cloud.endpoint(), model);
    ASSERT_TRUE(edge.await_link().connected);
    std::int64_t in_vain = 0;
    for (int round = 0; round < 6; ++round) {
      std::vector<model::TokenId> prompt(1 + random() % 40);
      for (auto& id : prompt) id = static_cast<model::TokenId>(3 + random() % 60);
      std::vector<float> thresholds(cut.size());
      for (auto& threshold : thresholds) threshold = static_cast<float>(random() % 110) / 100.0F;
      thresholds.front() += 0.01F;  // so that the cloud may be asked
      auto wanted = request(prompt, thresholds);
      wanted.ask_ahead = round % 2 == 0;
      const auto generated = edge.generate(wanted);
      expect_same(generated, reference(model, wanted));
      EXPECT_EQ(generated.end.warning, "");
      if (!wanted.ask_ahead) {
        EXPECT_EQ(generated.end.asks_in_vain, 0);
      }
      in_vain += generated.end.asks_in_vain;
    }
    EXPECT_EQ(edge.metrics().asks_in_vain.Value(), static_cast<double>(in_vain));
  }
}

TEST_F(EdgeAndCloud, DrawTheSameTokensAsOneProcessWhenSampling) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7, 5}, {0.6F, 0.7F});
  wanted.sampling.temperature = 1.2F;
  wanted.sampling.top_p = 0.95F;
  wanted.sampling.repetition_penalty = 1.2F;
  wanted.sampling.presence_penalty = 0.4F;
  wanted.sampling.frequency_penalty = 0.2F;
  wanted.sampling.seed = 99;
  expect_same(edge.generate(wanted), reference(fake_model(), wanted));
}

TEST_F(EdgeAndCloud, ShiftLogitsAlikeAtExitsAndOnTheCloud) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7, 5}, {0.6F, 0.7F});
  const auto plain = edge.generate(wanted);
  ASSERT_GT(plain.end.counts.cloud(), 0);
  ASSERT_LT(plain.end.counts.cloud(), 40);
  // Every token that came is banned, so none may come again from either side.
  for (const auto id : plain.ids) wanted.sampling.logit_bias.push_back({id, -100.0F});
  for (const float temperature : {0.0F, 1.0F}) {
    wanted.sampling.temperature = temperature;
    for (const auto mode : {policy::Mode::collaborative, policy::Mode::cloud_only}) {
      wanted.mode = mode;
      const auto biased = edge.generate(wanted);
      EXPECT_GT(biased.end.counts.cloud(), 0);
      for (const auto id : biased.ids) EXPECT_THAT(plain.ids, testing::Not(testing::Contains(id)));
      if (mode == policy::Mode::collaborative) {
        expect_same(biased, reference(fake_model(), wanted));
      }
    }
  }
}

TEST_F(EdgeAndCloud, EndAtTheEndOfTextAndCountIt) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  bool ended = false;
  for (model::TokenId first = 3; first < 40 && !ended; ++first) {
    auto wanted = request({first, 9}, {0.8F, 0.8F}, 200);
    wanted.ignore_eos = false;
    const auto generated = edge.generate(wanted);
    expect_same(generated, reference(fake_model(), wanted));
    ended = generated.end.reason == FinishReason::end_of_text;
    if (ended) {
      EXPECT_EQ(generated.ids.back(), 2);
      EXPECT_EQ(generated.end.completion_tokens, static_cast<std::int64_t>(generated.ids.size()));
      EXPECT_EQ(generated.end.upload.rows_up, 2 + generated.ids.size() - 1);
    }
  }
  EXPECT_TRUE(ended) << "no prompt of this test ends by itself";
}

TEST_F(EdgeAndCloud, OpenNoContextWhereTheCloudCanNeverBeAsked) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  const auto generated = edge.generate(request({5, 6, 7}, {0.0F, 0.5F}));
  EXPECT_EQ(generated.end.upload.bytes_up, 0U);
  EXPECT_EQ(generated.end.counts.of_exit(0), 40);
  EXPECT_EQ(cloud.metrics().rows_received.Value(), 0.0);
}

TEST_F(EdgeAndCloud, SendEachRowOnceAndFlushTheRestAtTheEnd) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  for (const float threshold : {0.2F, 0.8F, 2.0F}) {
    const auto generated = edge.generate(request({5, 6, 7}, {threshold, threshold}));
    EXPECT_EQ(generated.end.upload.rows_up, 3U + 40U - 1U);
    EXPECT_EQ(generated.end.upload.row_payload_bytes, (3U + 40U - 1U) * 16U * 4U);
  }
}

TEST_F(EdgeAndCloud, HaveTheRowsOnTheCloudBeforeTheEdgeIsDoneWithItsLayers) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  std::int64_t ahead = 0;
  // The second exit's layers take until the rows below them are there: were the rows held back
  // until the ask, they would never be.
  edge.engine().on_run = [&](std::span<const model::Step> batch) {
    const auto& step = batch.front();
    if (step.read != std::vector<std::size_t>{1}) return;
    const auto rows = static_cast<double>(step.session->length());
    if (comes_true([&] { return cloud.metrics().rows_received.Value() >= rows; })) ++ahead;
  };
  ASSERT_TRUE(edge.await_link().connected);
  const auto generated = edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 20));
  EXPECT_EQ(generated.end.counts.cloud(), 20);
  EXPECT_EQ(ahead, 20);
}

TEST_F(EdgeAndCloud, AnswerAnAskMadeAheadBeforeTheEdgeIsDoneWithItsLayers) {
  constexpr std::int64_t prompt_length = 3;
  constexpr int tokens = 20;
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  std::int64_t ahead = 0;
  // The second exit's layers take until the cloud has answered: were it asked behind them, it never
  // would. Of the first token nothing is foretold.
  edge.engine().on_run = [&](std::span<const model::Step> batch) {
    const auto& step = batch.front();
    if (step.read != std::vector<std::size_t>{1}) return;
    const auto asked_before = static_cast<double>(step.session->length() - prompt_length);
    if (asked_before == 0) return;
    if (comes_true([&] { return cloud.metrics().tokens.Value() > asked_before; })) ++ahead;
  };
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7}, {2.0F, 2.0F}, tokens);
  wanted.ask_ahead = true;
  const auto generated = edge.generate(wanted);
  expect_same(generated, reference(fake_model(), wanted));
  EXPECT_EQ(ahead, tokens - 1);
  EXPECT_EQ(generated.end.asks_in_vain, 0);
}

TEST_F(EdgeAndCloud, RunWholeGenerationsOnTheCloud) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7}, {2.0F, 2.0F});
  wanted.mode = policy::Mode::cloud_only;
  const auto generated = edge.generate(wanted);
  expect_same(generated, reference(fake_model(), wanted));
  EXPECT_EQ(generated.end.upload.rows_up, 0U);
}

TEST_F(EdgeAndCloud, RefuseCloudOnlyRequestsByName) {
  FakeCloud cloud(pki_, {.cloud_only = false});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7}, {2.0F, 2.0F});
  wanted.mode = policy::Mode::cloud_only;
  const auto generated = edge.generate(wanted);
  EXPECT_EQ(generated.end.reason, FinishReason::failed);
  EXPECT_TRUE(generated.end.user_error);
  EXPECT_THAT(generated.end.error, HasSubstr("cloud-only"));
}

TEST_F(EdgeAndCloud, RefuseEachOtherWhereTheirModelsDiffer) {
  FakeCloud cloud(pki_, {});
  auto other = fake_model();
  other.seed = 7;
  FakeEdge edge(pki_, cloud.endpoint(), other);
  const auto link = edge.await_link();
  EXPECT_FALSE(link.connected);
  EXPECT_TRUE(link.mismatch);
  EXPECT_THAT(link.problem, HasSubstr("shared7"));
  EXPECT_THAT(link.problem, HasSubstr("shared1"));
}

TEST_F(EdgeAndCloud, ServeSeveralEdgesAndSeveralGenerationsOnEachAtOnce) {
  FakeCloud cloud(pki_, {});
  std::vector<std::unique_ptr<FakeEdge>> edges;
  for (std::uint64_t i = 0; i < 3; ++i) {
    edges.push_back(std::make_unique<FakeEdge>(pki_, cloud.endpoint(), fake_model(),
                                               "edge" + std::to_string(i), i));
    ASSERT_TRUE(edges.back()->await_link().connected);
  }
  std::vector<GenerationRequest> wanted;
  for (int i = 0; i < 12; ++i) {
    wanted.push_back(request({static_cast<model::TokenId>(3 + i), 8, 9}, {0.7F, 0.9F}, 60));
  }
  std::vector<Generated> generated(wanted.size());
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    clients.emplace_back([&, i] { generated[i] = edges[i % edges.size()]->generate(wanted[i]); });
  }
  for (auto& client : clients) client.join();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same(generated[i], reference(fake_model(), wanted[i]));
  }
}

TEST_F(EdgeAndCloud, FreeEverythingAtTheEndOfAGeneration) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10));
  // A second generation's answer comes after the first one's close on the same connection.
  edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10), [&](const TokenEvent& token) {
    if (token.index == 5) {
      EXPECT_EQ(cloud.metrics().contexts.Value(), 1.0);
    }
    return true;
  });
}

TEST_F(EdgeAndCloud, FreeEverythingWhenAGenerationIsCancelled) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  const auto cancelled = edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 400),
                                       [](const TokenEvent& token) { return token.index < 10; });
  EXPECT_EQ(cancelled.end.reason, FinishReason::cancelled);
  EXPECT_LT(cancelled.ids.size(), 400U);
  edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10), [&](const TokenEvent& token) {
    if (token.index == 5) {
      EXPECT_EQ(cloud.metrics().contexts.Value(), 1.0);
    }
    return true;
  });
}

TEST_F(EdgeAndCloud, FallBackWhenTheCloudIsLate) {
  FakeCloud cloud(pki_, {});
  std::atomic<bool> stuck{true};
  cloud.engine().on_run = [&](std::span<const model::Step>) {
    while (stuck) std::this_thread::yield();
  };
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  auto wanted = request({5, 6, 7}, {2.0F, 2.0F}, 20);
  wanted.token_deadline = std::chrono::milliseconds(20);
  wanted.first_token_deadline = std::chrono::milliseconds(20);
  const auto generated = edge.generate(wanted);
  stuck = false;
  EXPECT_EQ(generated.ids.size(), 20U);
  EXPECT_EQ(generated.end.counts.fallback(), 20);
  EXPECT_THAT(generated.end.warning, HasSubstr("late"));
}

TEST_F(EdgeAndCloud, GoOnWithFallbacksWhereThereIsNoCloud) {
  FakeEdge edge(pki_, transport::Endpoint{"127.0.0.1", 1});
  EXPECT_FALSE(edge.await_link().connected);
  const auto generated = edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 20));
  EXPECT_EQ(generated.ids.size(), 20U);
  EXPECT_EQ(generated.end.counts.fallback(), 20);
  EXPECT_EQ(generated.end.reason, FinishReason::length);
}

TEST_F(EdgeAndCloud, BringARestartedCloudToTheSameState) {
  auto cloud = std::make_unique<FakeCloud>(pki_, FakeCloud::Options{});
  const auto endpoint = cloud->endpoint();
  FakeEdge edge(pki_, endpoint);
  std::atomic<bool> replaced = false;
  // The client hears of tokens later than they are made: let there be some to make.
  edge.engine().on_run = [&](std::span<const model::Step> batch) {
    if (batch.front().session->length() < 40) return;
    comes_true([&] { return replaced.load(); });
  };
  ASSERT_TRUE(edge.await_link().connected);
  std::size_t lost_at = 0;
  const auto generated =
      edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 300), [&](const TokenEvent& token) {
        if (token.index == 30) {
          cloud.reset();
          cloud = std::make_unique<FakeCloud>(pki_, FakeCloud::Options{.port = endpoint.port});
          lost_at = 30;
          replaced = true;
        }
        // Give the link the time to find the new cloud while there is text left to write.
        if (token.source.kind == policy::Source::Kind::fallback) {
          std::this_thread::yield();
        }
        return true;
      });
  ASSERT_EQ(generated.end.error, "");
  ASSERT_EQ(lost_at, 30U);
  // What the new cloud answers must be what an undisturbed one would have answered.
  FakeEngine whole(fake_model(), model::Part::whole);
  std::vector<model::TokenId> ids{5, 6, 7};
  std::size_t after = 0;
  for (std::size_t i = 0; i < generated.ids.size(); ++i) {
    if (generated.sources[i].kind == policy::Source::Kind::cloud) {
      auto session = *whole.open({});
      model::Step step;
      step.session = session.get();
      step.input = ids;
      step.read = {2};
      const auto expected = whole.run(std::span(&step, 1));
      EXPECT_EQ(generated.ids[i], (*expected.front()).readings.front().token) << i;
      if (i > 31) ++after;
    }
    ids.push_back(generated.ids[i]);
  }
  if (after > 0) {
    EXPECT_GT(generated.end.upload.rows_resent, 30U);
  }
}

TEST_F(EdgeAndCloud, ChangeOverToAnotherCloudInTheMiddleOfAGenerationAndBack) {
  auto first = std::make_unique<FakeCloud>(pki_, FakeCloud::Options{});
  const auto preferred = first->endpoint();
  FakeCloud second(pki_, {});
  FakeEdge edge(pki_, {preferred, second.endpoint()}, fake_model(), "edge", 1);
  ASSERT_TRUE(edge.await_link().connected);
  std::int64_t of_second = 0;
  const auto until = [&](const auto& done, bool first_is_gone) {
    // Generations until what must happen has happened; each stops at once when it has.
    const auto give_up = std::chrono::steady_clock::now() + tests::patience;
    while (!done() && std::chrono::steady_clock::now() < give_up) {
      const auto generated =
          edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 100), [&](const TokenEvent& token) {
            if (first_is_gone && token.index == 10) first.reset();
            return !done();
          });
      EXPECT_EQ(generated.end.error, "");
    }
    return done();
  };
  EXPECT_TRUE(until(
      [&] {
        of_second = static_cast<std::int64_t>(second.metrics().tokens.Value());
        return of_second > 20;
      },
      true));
  first = std::make_unique<FakeCloud>(pki_, FakeCloud::Options{.port = preferred.port});
  EXPECT_TRUE(until([&] { return first->metrics().tokens.Value() > 20; }, false));
  EXPECT_EQ(second.metrics().connections.Value(), 0.0);
}

TEST_F(EdgeAndCloud, DropContextsOfAnEdgeThatVanished) {
  FakeCloud cloud(pki_, {.grace_time = std::chrono::milliseconds(1)});
  {
    FakeEdge edge(pki_, cloud.endpoint());
    ASSERT_TRUE(edge.await_link().connected);
    edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10));
  }
  FakeEdge other(pki_, cloud.endpoint(), fake_model(), "other", 2);
  ASSERT_TRUE(other.await_link().connected);
  other.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10), [&](const TokenEvent& token) {
    if (token.index == 5) {
      EXPECT_EQ(cloud.metrics().contexts.Value(), 1.0);
    }
    return true;
  });
}

TEST_F(EdgeAndCloud, ReopenAContextThatTheCloudDroppedForIdleness) {
  FakeCloud cloud(pki_, {.context_ttl = std::chrono::milliseconds(0)});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  // The edge stops to think until the cloud has lost patience.
  int passes = 0;
  bool dropped = false;
  edge.engine().inject = [&](const model::Step&) -> std::optional<model::Error> {
    if (++passes != 10) return std::nullopt;
    const auto end = std::chrono::steady_clock::now() + tests::patience;
    while (!dropped && std::chrono::steady_clock::now() < end) {
      const auto& metrics = cloud.metrics();
      dropped = metrics.rows_received.Value() > 0.0 && metrics.contexts.Value() == 0.0;
      std::this_thread::yield();
    }
    return std::nullopt;
  };
  const auto wanted = request({5, 6, 7}, {0.9F, 0.95F}, 60);
  const auto generated = edge.generate(wanted);
  EXPECT_TRUE(dropped);
  EXPECT_EQ(generated.end.error, "");
  EXPECT_EQ(generated.ids.size(), 60U);
}

TEST_F(EdgeAndCloud, MeasureTheLink) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 20));
  const auto report = edge.link_report();
  ASSERT_TRUE(report.rtt);
  EXPECT_GT(report.rtt->count(), 0);
  ASSERT_TRUE(report.goodput_up);
  EXPECT_GT(*report.goodput_up, 0.0);
}

TEST_F(EdgeAndCloud, EndAGenerationWhoseComputationFails) {
  FakeCloud cloud(pki_, {});
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  const auto generated = edge.generate(request({5, 6, 999}, {2.0F, 2.0F}, 20));
  EXPECT_EQ(generated.end.reason, FinishReason::failed);
  EXPECT_TRUE(generated.end.user_error);
  EXPECT_THAT(generated.end.error, HasSubstr("999"));
}

TEST_F(EdgeAndCloud, TakeARowThatDoesNotDecodeForAFaultOfThatContextOnly) {
  FakeCloud cloud(pki_, {});
  std::atomic<int> passes{0};
  cloud.engine().inject = [&](const model::Step& step) -> std::optional<model::Error> {
    if (!step.read.empty() && ++passes == 3) {
      return model::Error{model::ErrorCode::non_finite, "row 4 holds a NaN"};
    }
    return std::nullopt;
  };
  FakeEdge edge(pki_, cloud.endpoint());
  ASSERT_TRUE(edge.await_link().connected);
  const auto broken = edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10));
  EXPECT_EQ(broken.end.counts.cloud(), 2);
  EXPECT_EQ(broken.end.counts.fallback(), 8);
  EXPECT_THAT(broken.end.warning, HasSubstr("NaN"));
  const auto next = edge.generate(request({5, 6, 7}, {2.0F, 2.0F}, 10));
  EXPECT_EQ(next.end.counts.cloud(), 10);
}

}  // namespace
}  // namespace cecollm::actors
