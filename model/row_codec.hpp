#pragma once
// Rows: hidden states at E1, the only activation that crosses the link. Encoding is a strategy
// chosen by name, so that narrower codecs can join without touching its users.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/error.hpp"

namespace cecollm::model {

class RowCodec;

/// Encoded rows of consecutive positions. Immutable; copies share the bytes.
struct Rows {
  std::int64_t count = 0;
  const RowCodec* codec = nullptr;                      // how `bytes` are encoded
  std::shared_ptr<const std::vector<std::byte>> bytes;  // count * RowCodec::row_bytes(d)
  std::int64_t clamped = 0;                             // values that did not fit the codec's range
};

/// Stateless and thread-safe. Little-endian on every machine.
class RowCodec {
 public:
  virtual ~RowCodec() = default;
  virtual std::string_view name() const = 0;  // "fp32", "fp16", "bf16"
  virtual std::size_t row_bytes(std::int64_t d) const = 0;

  /// Encodes `values` [count, d]. Values beyond the codec's range are clamped and counted; a NaN
  /// or an infinity is `non_finite`.
  virtual Result<Rows> encode(std::span<const float> values, std::int64_t d) const = 0;

  /// Decodes `bytes` into `values` [count, d]. A byte count that is no whole number of rows is
  /// `mismatch`; a non-finite value is `non_finite`.
  virtual Result<void> decode(std::span<const std::byte> bytes, std::int64_t d,
                              std::span<float> values) const = 0;
};

/// The codec called `name`, or null. The object lives for the whole program.
const RowCodec* find_row_codec(std::string_view name);
/// "fp32, fp16, bf16": for messages.
std::string_view row_codec_names();

}  // namespace cecollm::model
