#pragma once
// Encoded rows of one context that wait to be computed, in the chunks in which they came.

#include <cstdint>
#include <deque>

#include "model/row_codec.hpp"

namespace cecollm::model {

/// All rows have one codec. Chunks are shared with whoever gave them until they are taken.
class RowBacklog {
 public:
  void push(Rows rows);
  /// Up to `limit` rows, the oldest first, as one chunk: without a copy where a whole chunk is
  /// taken alone.
  Rows take(std::int64_t limit);
  std::int64_t count() const { return count_; }

 private:
  std::deque<Rows> chunks_;
  std::int64_t taken_ = 0;  // rows of the first chunk
  std::int64_t count_ = 0;
};

}  // namespace cecollm::model
