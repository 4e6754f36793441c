#pragma once
// What narrower weights on the edge change: over held-out texts, teacher-forced, beside the edge
// with the weights as they are stored.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/torch_engine.hpp"

namespace cecollm::bench {

struct ExitAccuracy {
  int layer = 0;
  double perplexity = 0;
  double same_as_stored = 0;  // share of positions with the stored weights' most likely token
  double same_as_full = 0;    // share with the full model's
};

struct WeightAccuracy {
  std::string weights;
  std::vector<ExitAccuracy> exits;
  /// Share of positions where the token of collaborative generation (the first exit whose
  /// confidence reaches the threshold, else the cloud, which has the stored weights and this edge's
  /// rows) is the full model's, and where the cloud's alone is.
  double collaborative_same_as_full = 0;
  double cloud_same_as_full = 0;
  double asked = 0;  // share of positions where no exit was sure
};

struct AccuracyReport {
  std::int64_t positions = 0;
  double threshold = 0;
  double full_perplexity = 0;
  std::vector<WeightAccuracy> edges;  // stored, int8
};

/// `texts` is a JSON object of lists of texts by kind; the first `texts_of_kind` of each are used,
/// up to `most_tokens` each. Failures end the process with a sentence.
AccuracyReport compare_weights(const std::filesystem::path& checkpoint,
                               const std::filesystem::path& texts, std::size_t texts_of_kind,
                               std::size_t most_tokens, double threshold);

}  // namespace cecollm::bench
