#include "model/row_codec.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using testing::ElementsAre;
using tests::fails_with;
using tests::succeeded;

constexpr float float_infinity = std::numeric_limits<float>::infinity();

const RowCodec& codec(std::string_view name) {
  return *find_row_codec(name);
}

std::uint16_t word(std::span<const std::byte> bytes, std::size_t index) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[2 * index]) |
                                    std::to_integer<unsigned>(bytes[2 * index + 1]) << 8U);
}

std::vector<std::byte> words(const std::vector<std::uint16_t>& values) {
  std::vector<std::byte> bytes;
  for (const unsigned value : values) {
    bytes.push_back(static_cast<std::byte>(value & 0xffU));
    bytes.push_back(static_cast<std::byte>(value >> 8U));
  }
  return bytes;
}

std::uint16_t encode_one(std::string_view name, float value) {
  return word(*codec(name).encode(std::span(&value, 1), 1)->bytes, 0);
}

/// The value of fp16 or bf16 bits by the definition of the formats.
double value_of(std::uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(RowCodec, IsFoundByItsName) {
  for (const std::string_view name : {"fp32", "fp16", "bf16"}) {
    ASSERT_NE(find_row_codec(name), nullptr);
    EXPECT_EQ(codec(name).name(), name);
    EXPECT_NE(row_codec_names().find(name), std::string_view::npos);
  }
  EXPECT_EQ(find_row_codec("int8"), nullptr);
  EXPECT_EQ(find_row_codec(""), nullptr);
  EXPECT_EQ(codec("fp32").row_bytes(4096), 16384U);
  EXPECT_EQ(codec("fp16").row_bytes(4096), 8192U);
  EXPECT_EQ(codec("bf16").row_bytes(4096), 8192U);
}

TEST(RowCodec, WritesFp32LittleEndian) {
  const std::vector<float> values = {1.0F, -2.5F};
  const auto rows = codec("fp32").encode(values, 2);
  ASSERT_TRUE(succeeded(rows));
  EXPECT_EQ(rows->count, 1);
  EXPECT_EQ(rows->clamped, 0);
  EXPECT_EQ(rows->codec, find_row_codec("fp32"));
  const std::vector<std::byte> expected = {std::byte{0},    std::byte{0},   std::byte{0x80},
                                           std::byte{0x3f}, std::byte{0},   std::byte{0},
                                           std::byte{0x20}, std::byte{0xc0}};
  EXPECT_EQ(*rows->bytes, expected);
}

TEST(RowCodec, WritesKnownFp16Patterns) {
  for (const auto& [value, bits] : {std::pair{0.0F, 0x0000},
                                    {-0.0F, 0x8000},
                                    {1.0F, 0x3c00},
                                    {-2.0F, 0xc000},
                                    {0.333251953125F, 0x3555},
                                    {65504.0F, 0x7bff},
                                    {-65504.0F, 0xfbff},
                                    {0x1p-14F, 0x0400},         // smallest normal
                                    {0x1.ff8p-15F, 0x03ff},     // largest subnormal
                                    {0x1p-24F, 0x0001},         // smallest subnormal
                                    {0x1p-25F, 0x0000},         // tie, to even
                                    {0x1.000002p-25F, 0x0001},  // just above the tie
                                    {0x1.8p-24F, 0x0002},       // tie, to even
                                    {0x1p-126F, 0x0000},
                                    {0x1p-149F, 0x0000},
                                    {0x1.ffep-15F, 0x0400},  // rounds up into the normals
                                    {2049.0F, 0x6800},       // tie, to even
                                    {2051.0F, 0x6802},       // tie, to even
                                    {2049.001F, 0x6801}}) {
    EXPECT_EQ(encode_one("fp16", value), bits) << value;
  }
}

TEST(RowCodec, WritesKnownBf16Patterns) {
  for (const auto& [value, bits] : {std::pair{0.0F, 0x0000},
                                    {-0.0F, 0x8000},
                                    {1.0F, 0x3f80},
                                    {-1.5F, 0xbfc0},
                                    {0x1.01p0F, 0x3f80},      // tie, to even
                                    {0x1.03p0F, 0x3f82},      // tie, to even
                                    {0x1.010002p0F, 0x3f81},  // just above the tie
                                    {0x1.fep127F, 0x7f7f},    // largest
                                    {0x1p-133F, 0x0001}}) {   // smallest subnormal
    EXPECT_EQ(encode_one("bf16", value), bits) << value;
  }
}

TEST(RowCodec, DecodesEveryFiniteBitPatternExactlyAndEncodesItBack) {
  for (const auto& [name, exponent_bits] : {std::pair{"fp16", 5}, {"bf16", 8}}) {
    std::vector<std::uint16_t> finite;
    const int exponent_mask = ((1 << exponent_bits) - 1) << (15 - exponent_bits);
    for (int bits = 0; bits < 65536; ++bits) {
      if ((bits & exponent_mask) != exponent_mask) {
        finite.push_back(static_cast<std::uint16_t>(bits));
      }
    }
    const auto bytes = words(finite);
    std::vector<float> values(finite.size());
    ASSERT_TRUE(succeeded(codec(name).decode(bytes, 1, values)));
    for (std::size_t i = 0; i < finite.size(); ++i) {
      ASSERT_EQ(static_cast<double>(values[i]), value_of(finite[i], exponent_bits)) << finite[i];
      ASSERT_EQ(std::signbit(values[i]), (finite[i] & 0x8000) != 0);
    }
    const auto rows = codec(name).encode(values, 1);
    ASSERT_TRUE(succeeded(rows));
    EXPECT_EQ(*rows->bytes, bytes);
    EXPECT_EQ(rows->clamped, 0);
    EXPECT_EQ(rows->count, static_cast<std::int64_t>(finite.size()));
  }
}

TEST(RowCodec, RefusesEveryNonFiniteBitPattern) {
  for (const auto& [name, exponent_bits] : {std::pair{"fp16", 5}, {"bf16", 8}}) {
    const int exponent_mask = ((1 << exponent_bits) - 1) << (15 - exponent_bits);
    float value = 0;
    for (int bits = 0; bits < 65536; ++bits) {
      if ((bits & exponent_mask) != exponent_mask) continue;
      const auto bytes = words({static_cast<std::uint16_t>(bits)});
      ASSERT_TRUE(fails_with(codec(name).decode(bytes, 1, std::span(&value, 1)),
                             ErrorCode::non_finite, {"row 0: value 0 is not finite"}))
          << name << " " << bits;
    }
  }
}

TEST(RowCodec, RoundsRandomFloatsToTheNearestEven) {
  std::mt19937 random(11);
  struct Narrow {
    const char* name;
    int exponent_bits;
    float largest;
  };
  for (const auto& [name, exponent_bits, largest] :
       {Narrow{"fp16", 5, 65504.0F}, Narrow{"bf16", 8, 0x1.fep127F}}) {
    int tested = 0;
    while (tested < 200000) {
      auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      // Half of them in the exponents that fp16 has, which random bits seldom hit.
      if (tested % 2 == 0) {
        int exponent = 0;
        value = std::ldexp(std::frexp(value, &exponent), static_cast<int>(random() % 44) - 27);
      }
      if (!std::isfinite(value) || std::abs(value) >= largest) continue;
      ++tested;
      const auto bits = encode_one(name, value);
      const double exact = value;
      const double rounded = value_of(bits, exponent_bits);
      ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0);
      const auto magnitude = static_cast<std::uint16_t>(bits & 0x7fff);
      const double error = std::abs(rounded - exact);
      const double up = value_of(static_cast<std::uint16_t>(magnitude + 1), exponent_bits);
      const double up_error = std::abs(up - std::abs(exact));
      ASSERT_TRUE(error < up_error || (error == up_error && magnitude % 2 == 0)) << exact;
      if (magnitude == 0) continue;
      const double down = value_of(static_cast<std::uint16_t>(magnitude - 1), exponent_bits);
      const double down_error = std::abs(down - std::abs(exact));
      ASSERT_TRUE(error < down_error || (error == down_error && magnitude % 2 == 0)) << exact;
    }
  }
}

TEST(RowCodec, GivesRandomFp32BackBitForBit) {
  std::mt19937 random(12);
  std::vector<float> values;
  while (values.size() < 4096) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) values.push_back(value);
  }
  const auto rows = codec("fp32").encode(values, 64);
  ASSERT_TRUE(succeeded(rows));
  EXPECT_EQ(rows->count, 64);
  EXPECT_EQ(rows->clamped, 0);
  std::vector<float> decoded(values.size());
  ASSERT_TRUE(succeeded(codec("fp32").decode(*rows->bytes, 64, decoded)));
  EXPECT_EQ(std::memcmp(values.data(), decoded.data(), values.size() * sizeof(float)), 0);
}

TEST(RowCodec, ClampsAndCountsWhatTheFormatCannotHold) {
  const std::vector<float> values = {65504.0F, 65504.01F, -65520.0F, 1e30F, 3.4e38F, -3.4e38F};
  const auto fp16 = codec("fp16").encode(values, 6);
  ASSERT_TRUE(succeeded(fp16));
  EXPECT_EQ(fp16->clamped, 5);
  EXPECT_EQ(*fp16->bytes, words({0x7bff, 0x7bff, 0xfbff, 0x7bff, 0x7bff, 0xfbff}));
  const auto bf16 = codec("bf16").encode(values, 6);
  ASSERT_TRUE(succeeded(bf16));
  EXPECT_EQ(bf16->clamped, 2);
  EXPECT_EQ(word(*bf16->bytes, 4), 0x7f7f);
  EXPECT_EQ(word(*bf16->bytes, 5), 0xff7f);
  const auto fp32 = codec("fp32").encode(values, 6);
  ASSERT_TRUE(succeeded(fp32));
  EXPECT_EQ(fp32->clamped, 0);
}

TEST(RowCodec, CountsClampedValuesAcrossManyBlocks) {
  const std::vector<float> values(10000, 1e6F);
  const auto rows = codec("fp16").encode(values, 100);
  ASSERT_TRUE(succeeded(rows));
  EXPECT_EQ(rows->count, 100);
  EXPECT_EQ(rows->clamped, 10000);
}

TEST(RowCodec, RefusesNonFiniteValuesAndSaysWhere) {
  for (const std::string_view name : {"fp32", "fp16", "bf16"}) {
    for (const float bad :
         {float_infinity, -float_infinity, std::numeric_limits<float>::quiet_NaN(),
          -std::numeric_limits<float>::signaling_NaN()}) {
      std::vector<float> values(21, 1.0F);
      values[17] = bad;
      EXPECT_TRUE(fails_with(codec(name).encode(values, 7), ErrorCode::non_finite,
                             {"row 2: value 3 is not finite"}))
          << name;
    }
  }
  const float bad = float_infinity;
  std::vector<std::byte> bytes(4);
  std::memcpy(bytes.data(), &bad, 4);
  float value = 0;
  EXPECT_TRUE(
      fails_with(codec("fp32").decode(bytes, 1, std::span(&value, 1)), ErrorCode::non_finite, {}));
}

TEST(RowCodec, RefusesWhatIsNoWholeNumberOfRows) {
  std::vector<float> values(7);
  const std::vector<std::byte> bytes(14);
  EXPECT_TRUE(fails_with(codec("fp16").encode(values, 2), ErrorCode::mismatch,
                         {"7 values are no whole number of rows of 2"}));
  EXPECT_TRUE(fails_with(codec("fp16").encode(values, 0), ErrorCode::mismatch, {"rows of 0"}));
  EXPECT_TRUE(fails_with(codec("fp16").encode(values, -7), ErrorCode::mismatch, {"rows of -7"}));
  EXPECT_TRUE(fails_with(codec("fp16").decode(bytes, 2, values), ErrorCode::mismatch,
                         {"14 bytes are no whole number of fp16 rows of 2"}));
  EXPECT_TRUE(fails_with(codec("fp16").decode(bytes, 0, values), ErrorCode::mismatch, {}));
  EXPECT_TRUE(fails_with(codec("fp16").decode(std::span(bytes).first(13), 1, values),
                         ErrorCode::mismatch, {"13 bytes"}));
  EXPECT_TRUE(fails_with(codec("fp16").decode(bytes, 7, std::span(values).first(6)),
                         ErrorCode::mismatch, {"14 bytes hold 7 values, not 6"}));
}

TEST(RowCodec, TakesNoRowsAtAll) {
  for (const std::string_view name : {"fp32", "fp16", "bf16"}) {
    const auto rows = codec(name).encode({}, 8);
    ASSERT_TRUE(succeeded(rows));
    EXPECT_EQ(rows->count, 0);
    EXPECT_TRUE(rows->bytes->empty());
    EXPECT_TRUE(succeeded(codec(name).decode({}, 8, {})));
  }
}

}  // namespace
}  // namespace cecollm::model
