#include "model/row_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

namespace cecollm::model {
namespace {

constexpr std::uint32_t sign_bit = 0x80000000U;
constexpr std::uint32_t infinity_bits = 0x7f800000U;

/// `condition ? yes : no` by a mask. Of a conditional GCC makes a branch around the floating-point
/// arithmetic, which might trap, and then does not vectorise the loop.
std::uint32_t select(bool condition, std::uint32_t yes, std::uint32_t no) {
  const std::uint32_t mask = 0U - static_cast<std::uint32_t>(condition);
  return (yes & mask) | (no & ~mask);
}

// Stateless conversions of one value. They are branch-free so that loops over them vectorise.

struct Fp32 {
  using Stored = std::uint32_t;
  static constexpr std::string_view name = "fp32";
  static constexpr std::uint32_t largest = infinity_bits - 1;  // bits of the largest finite value
  static Stored pack(std::uint32_t bits) { return bits; }
  static std::uint32_t unpack(Stored stored) { return stored; }
};

struct Bf16 {
  using Stored = std::uint16_t;
  static constexpr std::string_view name = "bf16";
  static constexpr std::uint32_t largest = 0x7f7f0000U;
  static Stored pack(std::uint32_t bits) {
    const std::uint32_t half_less_tie = 0x7fffU + (bits >> 16U & 1U);
    return static_cast<Stored>((bits + half_less_tie) >> 16U);
  }
  static std::uint32_t unpack(Stored stored) { return std::uint32_t{stored} << 16U; }
};

struct Fp16 {
  using Stored = std::uint16_t;
  static constexpr std::string_view name = "fp16";
  static constexpr std::uint32_t largest = 0x477fe000U;          // 65504
  static constexpr std::uint32_t smallest_normal = 0x38800000U;  // 2^-14
  static constexpr std::uint32_t bias_difference = (127U - 15U) << 23U;

  static Stored pack(std::uint32_t bits) {
    const std::uint32_t magnitude = bits & ~sign_bit;
    // Normal: rebias the exponent and round 13 bits off, ties to even.
    const std::uint32_t normal =
        (magnitude - bias_difference + 0xfffU + (magnitude >> 13U & 1U)) >> 13U;
    // Subnormal: the last place of 0.5f is 2^-24, fp16's smallest step, so the addition rounds.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(sum) - 0x3f000000U;
    const std::uint32_t stored = select(magnitude < smallest_normal, subnormal, normal);
    return static_cast<Stored>(stored | (bits & sign_bit) >> 16U);
  }

  static std::uint32_t unpack(Stored stored) {
    const std::uint32_t magnitude = stored & 0x7fffU;
    const std::uint32_t normal = (magnitude << 13U) + bias_difference;
    const std::uint32_t special = magnitude << 13U | infinity_bits;
    const float scaled = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F;
    const std::uint32_t small = std::bit_cast<std::uint32_t>(scaled);
    const std::uint32_t bits =
        select(magnitude < 0x400U, small, select(magnitude < 0x7c00U, normal, special));
    return bits | (stored & 0x8000U) << 16U;
  }
};

template <class Stored>
Stored little_endian(Stored value) {
  if constexpr (std::endian::native == std::endian::little) {
    return value;
  } else if constexpr (sizeof(Stored) == 2) {
    return __builtin_bswap16(value);
  } else {
    return __builtin_bswap32(value);
  }
}

tl::unexpected<Error> non_finite_at(std::size_t index, std::int64_t d) {
  const auto width = static_cast<std::size_t>(d);
  return fail(ErrorCode::non_finite, "row " + std::to_string(index / width) + ": value " +
                                         std::to_string(index % width) + " is not finite");
}

template <class Format>
class PlainCodec final : public RowCodec {
 public:
  std::string_view name() const override { return Format::name; }

  std::size_t row_bytes(std::int64_t d) const override {
    return static_cast<std::size_t>(d) * sizeof(Stored);
  }

  Result<Rows> encode(std::span<const float> values, std::int64_t d) const override {
    if (d < 1 || values.size() % static_cast<std::size_t>(d) != 0) {
      return fail(ErrorCode::mismatch, std::to_string(values.size()) +
                                           " values are no whole number of rows of " +
                                           std::to_string(d));
    }
    auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(Stored));
    std::byte* out = bytes->data();
    std::uint32_t highest = 0;
    std::int64_t clamped = 0;
    // Blocks keep the counter 32 bits wide inside, which the vectoriser needs.
    for (std::size_t begin = 0; begin < values.size(); begin += block) {
      const std::size_t end = std::min(begin + block, values.size());
      std::uint32_t beyond = 0;
      for (std::size_t i = begin; i < end; ++i) {
        const auto bits = std::bit_cast<std::uint32_t>(values[i]);
        const std::uint32_t magnitude = bits & ~sign_bit;
        highest = std::max(highest, magnitude);
        beyond += magnitude > Format::largest ? 1U : 0U;
        const std::uint32_t kept = std::min(magnitude, Format::largest) | (bits & sign_bit);
        const Stored stored = little_endian(Format::pack(kept));
        std::memcpy(out + i * sizeof(Stored), &stored, sizeof(Stored));
      }
      clamped += beyond;
    }
    if (highest >= infinity_bits) {
      const auto bad = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
      return non_finite_at(static_cast<std::size_t>(bad - values.begin()), d);
    }
    return Rows{.count = static_cast<std::int64_t>(values.size() / static_cast<std::size_t>(d)),
                .codec = this,
                .bytes = std::move(bytes),
                .clamped = clamped};
  }

  Result<void> decode(std::span<const std::byte> bytes, std::int64_t d,
                      std::span<float> values) const override {
    if (d < 1 || bytes.size() % row_bytes(d) != 0) {
      return fail(ErrorCode::mismatch, std::to_string(bytes.size()) +
                                           " bytes are no whole number of " + std::string(name()) +
                                           " rows of " + std::to_string(d));
    }
    const std::size_t count = bytes.size() / sizeof(Stored);
    if (values.size() != count) {
      return fail(ErrorCode::mismatch, std::to_string(bytes.size()) + " bytes hold " +
                                           std::to_string(count) + " values, not " +
                                           std::to_string(values.size()));
    }
    std::uint32_t highest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Stored stored = 0;
      std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
      const std::uint32_t bits = Format::unpack(little_endian(stored));
      highest = std::max(highest, bits & ~sign_bit);
      values[i] = std::bit_cast<float>(bits);
    }
    if (highest >= infinity_bits) {
      const auto bad = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
      return non_finite_at(static_cast<std::size_t>(bad - values.begin()), d);
    }
    return {};
  }

 private:
  using Stored = typename Format::Stored;
  static constexpr std::size_t block = 4096;
};

}  // namespace

const RowCodec* find_row_codec(std::string_view name) {
  static const PlainCodec<Fp32> fp32;
  static const PlainCodec<Fp16> fp16;
  static const PlainCodec<Bf16> bf16;
  static const std::array<const RowCodec*, 3> codecs = {&fp32, &fp16, &bf16};
  const auto* found = std::ranges::find(codecs, name, &RowCodec::name);
  return found == codecs.end() ? nullptr : *found;
}

std::string_view row_codec_names() {
  return "fp32, fp16, bf16";
}

}  // namespace cecollm::model
