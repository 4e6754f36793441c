#pragma once
// Cuts a byte stream into frames.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "transport/error.hpp"

namespace cecollm::transport {

/// Takes one envelope, without its length prefix.
using FrameSink = std::function<void(std::vector<char>)>;

class FrameReader {
 public:
  explicit FrameReader(std::uint32_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  /// Takes the next bytes of the stream and hands on every envelope that they complete.
  /// `frame_too_large`: a length prefix above the bound; `malformed`: a length of 0. Both are
  /// found on the prefix's last byte, and nothing is allocated for such a frame. Memory grows with
  /// the bytes that have come, not with the length that was announced. After an error the stream
  /// cannot be read further.
  Result<void> read(std::span<const char> bytes, const FrameSink& sink);

  /// Bytes held for a frame that is not complete.
  std::size_t buffered_bytes() const { return body_.capacity(); }

 private:
  Result<void> begin_body();
  void append(std::span<const char> bytes);

  std::uint32_t max_frame_bytes_;
  std::array<unsigned char, 4> prefix_{};
  std::size_t prefix_bytes_ = 0;
  std::uint32_t expected_ = 0;  // of the body; 0 while the prefix is read
  std::vector<char> body_;
};

}  // namespace cecollm::transport
