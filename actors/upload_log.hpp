#pragma once
// The edge's copy of the rows of one context: what was computed, what was sent, what the cloud has
// confirmed. A value without I/O. Rows are kept until the context is closed, so that a new or
// restarted cloud can be brought to the same state (DESIGN, invariant 4).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cecollm::actors {

class UploadLog {
 public:
  explicit UploadLog(std::size_t row_bytes) : row_bytes_(row_bytes) {}

  /// Appends encoded rows (a whole number of them).
  void append(const std::vector<std::byte>& bytes);

  struct Batch {
    std::uint64_t first_sequence = 0;
    std::uint64_t count = 0;
    std::uint64_t resent = 0;  // how many of them had been sent before
    std::shared_ptr<const std::vector<std::byte>> payload;
  };
  /// The next unsent rows, at least one and at most `max_bytes` of them; marks them as sent.
  std::optional<Batch> next_batch(std::size_t max_bytes);

  /// The cloud holds every row before `next_sequence`; later ones must be sent (again). Nothing is
  /// done, and false returned, for a number beyond what exists.
  bool resume_from(std::uint64_t next_sequence);
  /// The cloud has confirmed every row before `next_sequence`. Returns newly confirmed bytes.
  std::uint64_t acknowledge(std::uint64_t next_sequence);

  /// Forgets every row from `rows` on. Requires rows <= rows().
  void truncate(std::uint64_t rows);

  std::uint64_t rows() const { return bytes_.size() / row_bytes_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t unsent() const { return rows() - sent_; }
  /// Not even to another cloud.
  std::uint64_t never_sent() const { return rows() - ever_sent_; }
  std::uint64_t in_flight_bytes() const { return (sent_ - acknowledged_) * row_bytes_; }
  std::size_t memory_bytes() const { return bytes_.capacity(); }

 private:
  std::size_t row_bytes_;
  std::vector<std::byte> bytes_;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t ever_sent_ = 0;
};

}  // namespace cecollm::actors
