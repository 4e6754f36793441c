// A stream means the same however the network cuts it, and costs no more than what has come.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/fuzz/targets.hpp"
#include "transport/codec.hpp"
#include "transport/frame_reader.hpp"

namespace cecollm::fuzz {
namespace {

constexpr std::uint32_t max_frame_bytes = 1U << 20U;
constexpr std::size_t first_allocation = 16U << 10U;

struct Reading {
  std::vector<std::vector<char>> frames;
  bool refused = false;
  friend bool operator==(const Reading&, const Reading&) = default;
};

/// The stream in pieces of `piece` bytes.
Reading read_in_pieces(std::span<const char> stream, std::size_t piece) {
  transport::FrameReader reader(max_frame_bytes);
  Reading reading;
  for (std::size_t read = 0; read < stream.size() && !reading.refused;) {
    const auto next = stream.subspan(read, std::min(piece, stream.size() - read));
    const auto done = reader.read(
        next, [&](std::vector<char> frame) { reading.frames.push_back(std::move(frame)); });
    reading.refused = !done;
    read += next.size();
    require(reader.buffered_bytes() <= std::max(2 * read, first_allocation),
            "memory follows the bytes that came, not those announced");
  }
  return reading;
}

}  // namespace

void frame_stream(std::string_view input) {
  const std::span<const char> stream(input);
  const auto whole = read_in_pieces(stream, std::max<std::size_t>(stream.size(), 1));
  require(whole == read_in_pieces(stream, 1), "frames do not depend on how the stream is cut");
  require(whole == read_in_pieces(stream, 7), "frames do not depend on how the stream is cut");
  for (const auto& frame : whole.frames) {
    require(!frame.empty() && frame.size() <= max_frame_bytes, "frames keep to their bound");
    if (const auto message = transport::decode_envelope(frame); !message) {
      require(message.error().code == transport::ErrorCode::malformed, "bad bytes are malformed");
    }
  }
}

}  // namespace cecollm::fuzz
