#include "actors/upload_log.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::actors {

void UploadLog::append(const std::vector<std::byte>& bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<UploadLog::Batch> UploadLog::next_batch(std::size_t max_bytes) {
  if (unsent() == 0) return std::nullopt;
  const auto fitting = std::max<std::uint64_t>(1, max_bytes / row_bytes_);
  Batch batch;
  batch.first_sequence = sent_;
  batch.count = std::min(unsent(), fitting);
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(sent_ * row_bytes_);
  batch.payload = std::make_shared<const std::vector<std::byte>>(
      begin, begin + static_cast<std::ptrdiff_t>(batch.count * row_bytes_));
  sent_ += batch.count;
  const auto before = std::exchange(ever_sent_, std::max(ever_sent_, sent_));
  batch.resent = batch.count - (ever_sent_ - before);
  return batch;
}

bool UploadLog::resume_from(std::uint64_t next_sequence) {
  if (next_sequence > rows()) return false;
  sent_ = next_sequence;
  acknowledged_ = next_sequence;
  ever_sent_ = std::max(ever_sent_, sent_);
  return true;
}

std::uint64_t UploadLog::acknowledge(std::uint64_t next_sequence) {
  const auto confirmed = std::min(next_sequence, sent_);
  if (confirmed <= acknowledged_) return 0;
  return (confirmed - std::exchange(acknowledged_, confirmed)) * row_bytes_;
}

void UploadLog::truncate(std::uint64_t rows) {
  bytes_.resize(rows * row_bytes_);
  sent_ = std::min(sent_, rows);
  acknowledged_ = std::min(acknowledged_, rows);
  ever_sent_ = std::min(ever_sent_, rows);
}

}  // namespace cecollm::actors
