#pragma once
// The ways of answering a prompt that the paper compares, and one answer with what it cost.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/paper/compute_meter.hpp"
#include "model/config.hpp"

namespace cecollm::bench {

enum class Strategy {
  cloud_only,     // the prompt goes up, the cloud runs every layer and streams the tokens down
  naive,          // every token asks, and all rows so far go up again in fp32
  standalone,     // the edge alone
  collaborative,  // the edge, and the cloud where no exit is sure
  asking_ahead,   // the same, but the cloud is asked as soon as that is to be expected
};

struct Mode {
  Strategy strategy = Strategy::collaborative;
  float threshold = 0;  // of the exits; where the edge computes
  std::string name;     // as in the results
};

struct ResponseLimits {
  std::int64_t max_tokens = 0;
  bool ignore_eos = false;
};

struct Response {
  std::vector<model::TokenId> tokens;
  std::int64_t from_cloud = 0;
  std::int64_t fallback = 0;      // the cloud was asked and did not answer
  std::int64_t asks_in_vain = 0;  // made ahead, for tokens that an exit gave
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds first_token{0};
  std::vector<std::chrono::nanoseconds> gaps;  // between two tokens
  /// How long its asks were under way, less what the cloud says it queued and computed.
  std::chrono::nanoseconds communication{0};
  std::uint64_t bytes_up = 0;  // frames before TLS
  std::uint64_t bytes_down = 0;
  std::uint64_t row_bytes = 0;  // of bytes_up, the rows themselves
  ComputeTotals edge;
  ComputeTotals cloud;
};

}  // namespace cecollm::bench
