#include "model/row_backlog.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace cecollm::model {

void RowBacklog::push(Rows rows) {
  if (rows.count == 0) return;
  count_ += rows.count;
  chunks_.push_back(std::move(rows));
}

Rows RowBacklog::take(std::int64_t limit) {
  const std::int64_t wanted = std::min(limit, count_);
  if (wanted <= 0) return {};
  count_ -= wanted;
  if (taken_ == 0 && chunks_.front().count == wanted) {
    Rows whole = std::move(chunks_.front());
    chunks_.pop_front();
    return whole;
  }
  Rows result;
  result.count = wanted;
  result.codec = chunks_.front().codec;
  std::vector<std::byte> bytes;
  for (std::int64_t missing = wanted; missing > 0;) {
    const auto& chunk = chunks_.front();
    const auto row_bytes = static_cast<std::int64_t>(chunk.bytes->size()) / chunk.count;
    const std::int64_t now = std::min(missing, chunk.count - taken_);
    const auto begin = chunk.bytes->begin() + taken_ * row_bytes;
    bytes.insert(bytes.end(), begin, begin + now * row_bytes);
    missing -= now;
    taken_ += now;
    if (taken_ == chunk.count) {
      chunks_.pop_front();
      taken_ = 0;
    }
  }
  result.bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return result;
}

}  // namespace cecollm::model
