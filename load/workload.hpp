#pragma once
// Which prompt each request has and how many tokens it wants: a function of its settings.

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "load/length_distribution.hpp"

#include "model/config.hpp"

namespace cecollm::load {

struct LoadPrompt {
  std::vector<model::TokenId> ids;
  std::int64_t most_tokens = 0;  // that may be asked for, at least 1
};

struct PlannedRequest {
  std::size_t prompt = 0;
  std::int64_t max_tokens = 0;
};

class Workload {
 public:
  /// Every prompt once before any comes again: in the order of the file, or in one drawn from
  /// `seed` each time. Without `lengths` each asks for as much as it may. `prompts` is not empty
  /// and is not referred to later.
  Workload(const std::vector<LoadPrompt>& prompts, std::optional<LengthDistribution> lengths,
           bool shuffled, std::uint64_t seed);
  PlannedRequest next();

 private:
  std::vector<std::int64_t> most_tokens_;
  std::optional<LengthDistribution> lengths_;
  bool shuffled_;
  std::mt19937_64 random_;
  std::vector<std::size_t> order_;
  std::size_t used_ = 0;  // of order_
};

}  // namespace cecollm::load
