#include "bench/paper/transmission.hpp"

#include <gtest/gtest.h>

namespace cecollm::bench {
namespace {

// The paper's model: d = 4096, and 100 new tokens. Its tables give KiB.
constexpr double tokens = 100;
constexpr double fp16_row = 4096 * 2;
constexpr double fp32_row = 4096 * 4;
constexpr double kib = 1024;
/// The tables are rounded, and some responses may have ended a token early.
constexpr double tolerance = 1e-4;

struct PaperRow {
  const char* data;
  double naive_kib;
  double once_kib;
  double prompt;
};
constexpr PaperRow alpaca{"Alpaca", 112'128, 956.62, 20.58};
constexpr PaperRow xsum{"XSum", 673'520, 3'763.61, 371.45};

TEST(PaperTransmission, HasTheSamePromptLengthInBothColumns) {
  for (const auto& row : {alpaca, xsum}) {
    EXPECT_NEAR(prompt_of_payload_naive(fp32_row, row.naive_kib * kib, tokens), row.prompt, 0.005)
        << row.data;
    EXPECT_NEAR(prompt_of_payload_once(fp16_row, row.once_kib * kib, tokens), row.prompt, 0.005)
        << row.data;
  }
}

TEST(PaperTransmission, ComesOutOfThePromptLength) {
  for (const auto& row : {alpaca, xsum}) {
    EXPECT_NEAR(payload_naive(fp32_row, row.prompt, tokens) / kib, row.naive_kib,
                row.naive_kib * tolerance)
        << row.data;
    EXPECT_NEAR(payload_once(fp16_row, row.prompt, tokens) / kib, row.once_kib,
                row.once_kib * tolerance)
        << row.data;
  }
}

TEST(Payload, CountsRowsByHand) {
  // A prompt of 3, two tokens: rows 0, 1, 2 before the first, and 3 before the second.
  EXPECT_EQ(payload_once(10, 3, 2), 40);
  // Naive: 3 rows, then 4.
  EXPECT_EQ(payload_naive(10, 3, 2), 70);
}

TEST(Payload, OfOneTokenIsThePromptEitherWay) {
  EXPECT_EQ(payload_once(8, 5, 1), 40);
  EXPECT_EQ(payload_naive(8, 5, 1), 40);
}

}  // namespace
}  // namespace cecollm::bench
