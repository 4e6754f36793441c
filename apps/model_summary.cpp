#include "apps/model_summary.hpp"

#include <string_view>

#include "model/row_codec.hpp"

namespace cecollm::apps {
namespace {

PartSummary summarize_part(const model::Checkpoint& checkpoint, model::Part part) {
  const model::ModelConfig& config = checkpoint.config();
  PartSummary summary;
  summary.part = part;
  for (const model::Stage& stage : model::stages_of(config, part)) {
    summary.stages.push_back(stage.layers);
  }
  for (const model::TensorSpec& spec : model::tensors_of(config, part)) {
    const auto found = checkpoint.tensors().find(spec.name);
    if (found == checkpoint.tensors().end()) {
      ++summary.missing_tensors;
      continue;
    }
    ++summary.tensors;
    summary.stored_bytes += static_cast<std::int64_t>(found->second.bytes.size());
  }
  summary.kv_bytes_per_token_fp32 = model::kv_bytes_per_token(config, part, model::DType::f32);
  summary.kv_bytes_per_token_bf16 = model::kv_bytes_per_token(config, part, model::DType::bf16);
  return summary;
}

}  // namespace

ModelSummary summarize(const model::Checkpoint& checkpoint) {
  ModelSummary summary;
  summary.config = checkpoint.config();
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    ++summary.tensors;
    summary.stored_bytes += static_cast<std::int64_t>(tensor.bytes.size());
  }
  if (summary.config.exits) {
    summary.parts.push_back(summarize_part(checkpoint, model::Part::edge));
    summary.parts.push_back(summarize_part(checkpoint, model::Part::cloud));
    summary.kv_per_row =
        static_cast<double>(summary.parts.back().kv_bytes_per_token_fp32) /
        static_cast<double>(model::find_row_codec("fp32")->row_bytes(summary.config.hidden_size));
    for (const std::string_view name : {"fp32", "bf16", "fp16"}) {
      if (const model::RowCodec* codec = model::find_row_codec(name)) {
        summary.rows.push_back({std::string(name), static_cast<std::int64_t>(codec->row_bytes(
                                                       summary.config.hidden_size))});
      }
    }
  }
  summary.parts.push_back(summarize_part(checkpoint, model::Part::cloud_only));
  summary.parts.push_back(summarize_part(checkpoint, model::Part::whole));
  return summary;
}

std::string_view name_of(model::Part part) {
  switch (part) {
    case model::Part::edge:
      return "edge";
    case model::Part::cloud:
      return "cloud";
    case model::Part::cloud_only:
      return "cloud-only";
    case model::Part::whole:
      return "whole";
  }
  return "";
}

std::string_view name_of(model::Family family) {
  switch (family) {
    case model::Family::llama:
      return "llama";
    case model::Family::mistral:
      return "mistral";
    case model::Family::qwen2:
      return "qwen2";
    case model::Family::qwen3:
      return "qwen3";
  }
  return "";
}

std::string_view name_of(model::ExitHeadKind kind) {
  switch (kind) {
    case model::ExitHeadKind::shared:
      return "shared";
    case model::ExitHeadKind::norm:
      return "norm";
    case model::ExitHeadKind::linear:
      return "linear";
  }
  return "";
}

}  // namespace cecollm::apps
