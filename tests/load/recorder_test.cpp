#include "load/recorder.hpp"

#include <gmock/gmock.h>

#include "model/reference.hpp"
#include "tests/load/recording_fixture.hpp"

namespace cecollm::load {
namespace {

using testing::HasSubstr;
using tests::fake_model;
using tests::FakeEngine;

TEST(Recorder, KeepsWhatTheReferenceDoes) {
  FakeEngine whole(fake_model(), model::Part::whole);
  for (int first = 3; first < 40; ++first) {
    const RecordRequest request{{first, 9}, 30, {0.7F, 0.9F}, false};
    const auto take = record_generation(whole, request, tests::ticking_clock());
    ASSERT_TRUE(take) << take.error().message;
    model::ReferenceRequest reference;
    reference.prompt = request.prompt;
    reference.max_tokens = 30;
    reference.thresholds = request.thresholds;
    const auto expected = model::run_reference(whole, reference);
    ASSERT_TRUE(expected);
    const auto& tokens = take->generation.tokens;
    ASSERT_EQ(tokens.size(), expected->size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(tokens[i].id, (*expected)[i].id);
      EXPECT_EQ(tokens[i].head, (*expected)[i].head);
    }
  }
}

TEST(Recorder, KeepsARowForEveryPositionButTheLastTokens) {
  const auto take = tests::takes_of(fake_model(), 1, 10).front();
  FakeEngine edge(fake_model(), model::Part::edge);
  const auto session = edge.open({});
  std::vector<std::byte> rows;
  auto input = take.generation.prompt;
  for (std::size_t i = 0; i < 10; ++i) {
    model::Step step;
    step.session = session->get();
    step.input = input;
    const auto result = std::move(edge.run({&step, 1}).front());
    rows.insert(rows.end(), result->rows.bytes->begin(), result->rows.bytes->end());
    input = {take.generation.tokens[i].id};
  }
  EXPECT_EQ(take.rows, rows);
  EXPECT_EQ(take.rows.size(), (3U + 10U - 1U) * 16U * 4U);
}

TEST(Recorder, TimesEachExitThatAnEdgeWouldRead) {
  for (const auto& take : tests::takes_of(fake_model())) {
    for (const auto& token : take.generation.tokens) {
      const bool final = token.head == model::final_head;
      ASSERT_EQ(token.exits.size(), final ? 2U : static_cast<std::size_t>(token.head) + 1);
      for (const auto& reading : token.exits) {
        EXPECT_EQ(reading.time, std::chrono::microseconds(250));
      }
    }
  }
}

TEST(Recorder, NotesTokensThatAreAsLikely) {
  // Logits of the fake are thousandths apart, so favourites have neighbours now and then.
  auto fake = fake_model();
  fake.config.vocab_size = 64;
  std::size_t close = 0;
  for (const auto& take : tests::takes_of(fake, 40, 40)) {
    for (const auto& token : take.generation.tokens) {
      for (const auto id : token.close_ids) {
        EXPECT_NE(id, token.id);
        EXPECT_EQ(token.head, model::final_head);
        ++close;
      }
    }
  }
  EXPECT_LT(close, 40U);  // one token stands out, nearly always
}

TEST(Recorder, StopsAtTheModelsLastPosition) {
  auto fake = fake_model();
  fake.config.max_positions = 8;
  FakeEngine whole(fake, model::Part::whole);
  const auto take =
      record_generation(whole, {{1, 2, 3}, 100, {2.0F, 2.0F}, true}, tests::ticking_clock());
  ASSERT_TRUE(take);
  EXPECT_EQ(take->generation.tokens.size(), 6U);  // the last one is behind the last position
}

TEST(Recorder, RefusesWhatItCannotRecord) {
  FakeEngine whole(fake_model(), model::Part::whole);
  FakeEngine edge(fake_model(), model::Part::edge);
  const auto clock = tests::ticking_clock();
  const auto refused = [&](FakeEngine& engine, const RecordRequest& request) {
    const auto take = record_generation(engine, request, clock);
    EXPECT_FALSE(take);
    return take ? "" : take.error().message;
  };
  EXPECT_THAT(refused(edge, {{1}, 5, {0.8F, 0.8F}}), HasSubstr("whole model"));
  EXPECT_THAT(refused(whole, {{1}, 5, {0.8F}}), HasSubstr("threshold"));
  EXPECT_THAT(refused(whole, {{}, 5, {0.8F, 0.8F}}), HasSubstr("a prompt"));
  EXPECT_THAT(refused(whole, {{1}, 0, {0.8F, 0.8F}}), HasSubstr("at least one token"));
  EXPECT_THAT(refused(whole, {{99}, 5, {0.8F, 0.8F}}), HasSubstr("token id 99"));
}

}  // namespace
}  // namespace cecollm::load
