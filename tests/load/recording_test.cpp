#include "load/recording.hpp"

#include <gmock/gmock.h>

#include "tests/load/recording_fixture.hpp"

namespace cecollm::load {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::fake_model;
using tests::recorded_bytes;
using tests::recorded_fake_model;
using tests::recording_in;
using tests::takes_of;

void expect_unreadable(const std::string& bytes, const std::string& why) {
  const auto recording = recording_in(bytes);
  ASSERT_FALSE(recording) << why;
  EXPECT_EQ(recording.error().code, model::ErrorCode::malformed);
  EXPECT_THAT(recording.error().message, StartsWith("fake.rec: "));
  EXPECT_THAT(recording.error().message, HasSubstr(why));
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

/// A take whose first token was made wrong.
std::string spoilt(const std::function<void(RecordedGeneration&)>& spoil) {
  auto takes = takes_of(fake_model(), 1);
  spoil(takes.front().generation);
  return recorded_bytes(takes);
}

TEST(Recording, ComesBackAsItWasWritten) {
  const auto takes = takes_of(fake_model());
  const auto recording = recording_in(recorded_bytes(takes));
  ASSERT_TRUE(recording) << recording.error().message;
  const auto expected = recorded_fake_model();
  const auto& model = recording->model();
  EXPECT_EQ(model.identity.config_digest, expected.identity.config_digest);
  EXPECT_EQ(model.identity.shared_digest, expected.identity.shared_digest);
  EXPECT_EQ(model.identity.exit_layers, expected.identity.exit_layers);
  EXPECT_EQ(model.thresholds, expected.thresholds);
  EXPECT_EQ(model.eos, expected.eos);
  EXPECT_EQ(model.codec, expected.codec);
  EXPECT_EQ(config_of(model).max_positions, 512);
  EXPECT_EQ(config_of(model).exits->layers, (std::vector<int>{3, 6}));
  ASSERT_EQ(recording->generations().size(), takes.size());
  for (std::size_t g = 0; g < takes.size(); ++g) {
    const auto& given = takes[g].generation;
    const auto& read = recording->generations()[g];
    EXPECT_EQ(read.prompt, given.prompt);
    EXPECT_EQ(recording->find(given.prompt), &read);
    EXPECT_TRUE(std::ranges::equal(read.rows, given.rows));
    ASSERT_EQ(read.tokens.size(), given.tokens.size());
    for (std::size_t i = 0; i < given.tokens.size(); ++i) {
      EXPECT_EQ(read.tokens[i].id, given.tokens[i].id);
      EXPECT_EQ(read.tokens[i].head, given.tokens[i].head);
      EXPECT_EQ(read.tokens[i].close_ids, given.tokens[i].close_ids);
      ASSERT_EQ(read.tokens[i].exits.size(), given.tokens[i].exits.size());
      for (std::size_t e = 0; e < given.tokens[i].exits.size(); ++e) {
        EXPECT_EQ(read.tokens[i].exits[e].token, given.tokens[i].exits[e].token);
        EXPECT_EQ(read.tokens[i].exits[e].confidence, given.tokens[i].exits[e].confidence);
        EXPECT_EQ(read.tokens[i].exits[e].time, given.tokens[i].exits[e].time);
      }
    }
  }
  EXPECT_EQ(recording->find({1, 2}), nullptr);
}

TEST(Recording, GivesOutTheRowsOfPositions) {
  const auto takes = takes_of(fake_model(), 1);
  const auto recording = recording_in(recorded_bytes(takes));
  ASSERT_TRUE(recording);
  const auto rows = recording->rows_of(recording->generations().front(), 3, 2);
  EXPECT_EQ(rows.count, 2);
  constexpr std::size_t row = 64;
  ASSERT_EQ(rows.bytes->size(), 2 * row);
  EXPECT_TRUE(std::equal(rows.bytes->begin(), rows.bytes->end(), takes[0].rows.begin() + 3 * row));
}

TEST(Recording, IsRefusedWhereverItIsCutOff) {
  const auto bytes = recorded_bytes(takes_of(fake_model(), 2, 6));
  ASSERT_TRUE(recording_in(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(recording_in(bytes.substr(0, size))) << size;
  }
  expect_unreadable(bytes.substr(0, bytes.size() - 4), "ends early");
  expect_unreadable(bytes + "x", "does not end where it should");
}

TEST(Recording, SurvivesAnyChangedByte) {
  const auto bytes = recorded_bytes(takes_of(fake_model(), 2, 6));
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
      auto changed = bytes;
      changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
      const auto recording = recording_in(changed);  // some changes are to values: no more to say
      if (!recording) {
        ASSERT_THAT(recording.error().message, StartsWith("fake.rec")) << at;
      }
    }
  }
}

TEST(Recording, RefusesOtherFilesAndOtherVersions) {
  const auto bytes = recorded_bytes(takes_of(fake_model(), 1));
  expect_unreadable("", "no recording of cecollm record");
  expect_unreadable("a text file", "no recording of cecollm record");
  auto newer = bytes;
  newer[8] = 2;
  expect_unreadable(newer, "version 2, this program reads version 1: record it again");
  auto long_header = bytes;
  long_header[15] = 0x7F;
  expect_unreadable(long_header, "header is too long");
}

TEST(Recording, RefusesAHeaderThatMakesNoSense) {
  const auto bytes = recorded_bytes(takes_of(fake_model(), 1));
  const auto with = [&](const std::string& what, const std::string& by) {
    EXPECT_EQ(what.size(), by.size());
    return replaced(bytes, what, by);
  };
  expect_unreadable(with("{\"config_digest\"", "!\"config_digest\""),
                    "the header is no JSON object");
  expect_unreadable(with("\"fp32\"", "\"fp33\""), "row_dtype");
  expect_unreadable(with("[3,6]", "[6,3]"), "exit_layers");
  expect_unreadable(with("[3,6]", "[3,0]"), "exit_layers");
  expect_unreadable(with("[3,6]", "[360]"), "exit_layers");
  expect_unreadable(with("\"exit_layers\"", "\"exit_lawyer\""), "exit_layers");
}

TEST(Recording, RefusesWhatAnEdgeCouldNotReplay) {
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].id = 64; }), "");
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].head = 2; }), "exit 3 of 2");
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].head = -2; }), "exit -1 of 2");
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].exits.clear(); }), "do not lead to the token");
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].exits[0].confidence = 0.0F / 0.0F; }),
                    "a confidence is no number");
  expect_unreadable(spoilt([](auto& g) {
                      auto& exit = g.tokens[0].exits[0];
                      exit.confidence = exit.confidence < 0.8F ? 0.9F : 0.1F;
                    }),
                    "do not give the token's source");
  expect_unreadable(spoilt([](auto& g) { g.tokens[0].close_ids = {64}; }),
                    "outside the vocabulary");
  expect_unreadable(spoilt([](auto& g) { g.prompt[1] = -1; }), "outside the vocabulary");
}

TEST(Recording, RefusesTheSamePromptTwiceAndNoGenerationAtAll) {
  const auto takes = takes_of(fake_model(), 1);
  expect_unreadable(recorded_bytes({takes[0], takes[0]}), "its prompt was recorded before");
  expect_unreadable(recorded_bytes({}), "there is no generation in it");
}

TEST(Recording, RefusesMorePositionsThanTheModelHas) {
  auto model = recorded_fake_model();
  model.max_positions = 10;
  expect_unreadable(recorded_bytes(takes_of(fake_model(), 1, 9), model), "the model at most 10");
}

TEST(RecordingWriter, LeavesNothingWhereItDoesNotFinish) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.path() / "x.rec";
  {
    auto writer = RecordingWriter::create(file, recorded_fake_model());
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->add(takes_of(fake_model(), 1).front().generation));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(RecordingWriter, SaysWhereItCannotWrite) {
  const tests::TemporaryDirectory directory;
  const auto writer = RecordingWriter::create(directory.path() / "no" / "x.rec",  //
                                              recorded_fake_model());
  ASSERT_FALSE(writer);
  EXPECT_THAT(writer.error().message, HasSubstr("x.rec: cannot be written"));
}

TEST(Recording, IsOpenedFromDisk) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.write("x.rec", recorded_bytes(takes_of(fake_model(), 2)));
  const auto recording = open_recording(file);
  ASSERT_TRUE(recording) << recording.error().message;
  EXPECT_EQ(recording->generations().size(), 2U);
  EXPECT_FALSE(open_recording(directory.path() / "absent"));
}

}  // namespace
}  // namespace cecollm::load
