#pragma once
// What a checkpoint holds and what a cut of it costs, as numbers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/checkpoint.hpp"

namespace cecollm::apps {

struct PartSummary {
  model::Part part = model::Part::whole;
  std::vector<model::LayerRange> stages;  // as executed, one KV cache each
  std::int64_t tensors = 0;
  std::int64_t stored_bytes = 0;     // of its tensors, as they are on disk
  std::int64_t missing_tensors = 0;  // that this directory does not hold
  std::int64_t kv_bytes_per_token_fp32 = 0;
  std::int64_t kv_bytes_per_token_bf16 = 0;
};

struct RowSummary {
  std::string codec;
  std::int64_t bytes = 0;
};

struct ModelSummary {
  model::ModelConfig config;
  std::int64_t tensors = 0;
  std::int64_t stored_bytes = 0;
  std::vector<PartSummary>
      parts;                     // edge, cloud, cloud-only, whole; without exits only the last two
  std::vector<RowSummary> rows;  // empty without exits
  std::optional<double> kv_per_row;  // bytes on the cloud, in the same dtype; empty without exits
};

ModelSummary summarize(const model::Checkpoint& checkpoint);

std::string_view name_of(model::Part part);
std::string_view name_of(model::Family family);
std::string_view name_of(model::ExitHeadKind kind);

}  // namespace cecollm::apps
