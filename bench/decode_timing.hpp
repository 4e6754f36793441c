#pragma once
// How long one decode step takes in full depth, for several ways to hold the weights at once: their
// steps alternate, so that what else the machine does befalls all of them alike.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/torch_engine.hpp"

namespace cecollm::bench {

/// A way to compute.
struct DecodeVariant {
  std::string name;
  model::ComputeDType dtype = model::ComputeDType::fp32;
  model::Kernels kernels = model::Kernels::packed;
  model::WeightChoice weights = model::WeightChoice::stored;
};

struct DecodePlan {
  std::filesystem::path checkpoint;
  std::vector<DecodeVariant> variants;
  std::vector<std::int64_t> batches;
  int threads = 2;
  std::int64_t positions = 128;  // in each context's cache
  int rounds = 0;                // of every cell; fewer for batches above 8, but 5
};

/// One batch size in one way; milliseconds a step.
struct DecodeCell {
  std::string variant;
  std::int64_t batch = 0;
  double best_ms = 0;
  double median_ms = 0;
};

/// Failures end the process with a sentence.
std::vector<DecodeCell> time_decode(const DecodePlan& plan);

/// Tokens a second through the whole model for prompts of `length`, the best of `rounds`.
struct PrefillCell {
  std::string variant;
  std::int64_t length = 0;
  double tokens_per_second = 0;
};
std::vector<PrefillCell> time_prefill(const DecodePlan& plan, std::int64_t length);

/// Bytes of the weights that one step in full depth reads, as they are stored: all tensors but the
/// embedding's where it is no LM head.
std::int64_t weight_bytes(const std::filesystem::path& checkpoint);

}  // namespace cecollm::bench
