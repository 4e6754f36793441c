#pragma once
// Recordings of the fake model.

#include <string>
#include <vector>

#include "load/recorder.hpp"
#include "load/recording_file.hpp"
#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::tests {

inline const std::vector<float> recorded_thresholds{0.8F, 0.8F};

/// As tests/support/fake_nodes.hpp has it in its hellos.
inline load::RecordedModel recorded_fake_model(const FakeModel& fake = fake_model()) {
  load::RecordedModel recorded;
  recorded.identity = {"config", fake.config.exits->layers, "shared" + std::to_string(fake.seed),
                       ""};
  recorded.hidden_size = fake.config.hidden_size;
  recorded.num_layers = fake.config.num_layers;
  recorded.vocab_size = fake.config.vocab_size;
  recorded.max_positions = fake.config.max_positions;
  recorded.eos = fake.config.eos;
  recorded.codec = fake.codec;
  recorded.thresholds = recorded_thresholds;
  return recorded;
}

/// A clock that is 250 us later each time one looks.
inline load::Stopwatch ticking_clock() {
  return [now = std::chrono::steady_clock::time_point()]() mutable {
    return now += std::chrono::microseconds(250);
  };
}

/// Some takes of `fake`, a prompt each.
inline std::vector<load::RecordedTake> takes_of(const FakeModel& fake, int count = 6,
                                                std::int64_t max_tokens = 24) {
  FakeEngine whole(fake, model::Part::whole);
  std::vector<load::RecordedTake> takes;
  for (int i = 0; i < count; ++i) {
    const load::RecordRequest request{{5, 6, i + 7}, max_tokens, recorded_thresholds, true};
    auto take = load::record_generation(whole, request, ticking_clock());
    EXPECT_TRUE(take) << take.error().message;
    takes.push_back(*std::move(take));
  }
  return takes;
}

/// The bytes of a recording file.
inline std::string recorded_bytes(const std::vector<load::RecordedTake>& takes,
                                  const load::RecordedModel& recorded = recorded_fake_model()) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "fake.rec";
  auto writer = load::RecordingWriter::create(file, recorded);
  EXPECT_TRUE(writer);
  for (const auto& take : takes) EXPECT_TRUE(writer->add(take.generation));
  EXPECT_TRUE(writer->finish());
  return read_whole_file(file);
}

/// What a reader makes of such bytes.
inline model::Result<load::Recording> recording_in(const std::string& bytes) {
  auto kept = std::make_shared<const std::string>(bytes);
  return load::parse_recording(std::as_bytes(std::span(*kept)), "fake.rec", kept);
}

/// A recording that claims to be of the fake model, whatever made the takes.
inline std::shared_ptr<const load::Recording> recording_of(
    const std::vector<load::RecordedTake>& takes) {
  auto recording = recording_in(recorded_bytes(takes));
  EXPECT_TRUE(recording) << recording.error().message;
  return std::make_shared<const load::Recording>(*std::move(recording));
}

}  // namespace cecollm::tests
