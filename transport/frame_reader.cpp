#include "transport/frame_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cecollm::transport {

namespace {
// A first allocation that most frames fit, and that an announcement alone may cost.
constexpr std::size_t first_allocation = 16U << 10U;
}  // namespace

Result<void> FrameReader::read(std::span<const char> bytes, const FrameSink& sink) {
  while (!bytes.empty()) {
    if (expected_ == 0) {
      prefix_[prefix_bytes_++] = static_cast<unsigned char>(bytes.front());
      bytes = bytes.subspan(1);
      if (prefix_bytes_ == prefix_.size()) {
        if (auto begun = begin_body(); !begun) {
          return begun;
        }
      }
      continue;
    }
    const auto size = std::min<std::size_t>(bytes.size(), expected_ - body_.size());
    append(bytes.first(size));
    bytes = bytes.subspan(size);
    if (body_.size() == expected_) {
      expected_ = 0;
      sink(std::exchange(body_, {}));
    }
  }
  return {};
}

Result<void> FrameReader::begin_body() {
  prefix_bytes_ = 0;
  std::uint32_t size = 0;
  for (const auto byte : prefix_) {
    size = (size << 8U) | byte;
  }
  if (size == 0) {
    return fail(ErrorCode::malformed, "the peer sent a frame of no bytes");
  }
  if (size > max_frame_bytes_) {
    return fail(ErrorCode::frame_too_large, "the peer announced a frame of " +
                                                std::to_string(size) + " bytes, more than " +
                                                std::to_string(max_frame_bytes_));
  }
  expected_ = size;
  return {};
}

void FrameReader::append(std::span<const char> bytes) {
  const auto wanted = body_.size() + bytes.size();
  if (wanted > body_.capacity()) {
    const auto grown = std::max({wanted, 2 * body_.capacity(), first_allocation});
    body_.reserve(std::min<std::size_t>(grown, expected_));
  }
  body_.insert(body_.end(), bytes.begin(), bytes.end());
}

}  // namespace cecollm::transport
