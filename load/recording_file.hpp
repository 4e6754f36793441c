#pragma once
// Recordings as files; recording.hpp describes the format.

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "load/recording.hpp"

namespace cecollm::load {

inline constexpr std::uint32_t recording_version = 1;

/// Writes beside `file` and takes its name at the end, so that a reader never meets half of one.
class RecordingWriter {
 public:
  static model::Result<RecordingWriter> create(const std::filesystem::path& file,
                                               const RecordedModel& model);
  /// Removes what was not finished.
  ~RecordingWriter();
  RecordingWriter(RecordingWriter&&) = default;
  RecordingWriter& operator=(RecordingWriter&&) = delete;

  model::Result<void> add(const RecordedGeneration& generation);
  model::Result<void> finish();
  std::uint64_t bytes() const { return bytes_; }

 private:
  RecordingWriter(std::filesystem::path file, std::filesystem::path part);
  model::Result<void> write(const std::vector<char>& bytes);

  std::filesystem::path file_;
  std::filesystem::path part_;
  std::ofstream stream_;
  std::uint64_t bytes_ = 0;
  std::uint32_t generations_ = 0;
};

/// Maps the file; the rows are read when they are replayed. Errors name the file.
model::Result<Recording> open_recording(const std::filesystem::path& file);

/// The same of bytes that `owner` keeps; `name` is for messages.
model::Result<Recording> parse_recording(std::span<const std::byte> bytes, const std::string& name,
                                         std::shared_ptr<const void> owner);

}  // namespace cecollm::load
