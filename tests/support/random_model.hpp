#pragma once
// Small checkpoints that compute something: random weights of sensible sizes, so that activations
// stay finite and the heads' confidences spread over (0, 1).

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"

namespace cecollm::tests {

/// config.json of a Llama with 6 layers and grouped queries; change members as a test needs.
inline nlohmann::json random_llama() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", 32},
          {"intermediate_size", 48},
          {"num_hidden_layers", 6},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 8},
          {"vocab_size", 96},
          {"max_position_embeddings", 160},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "float32"},
          {"bos_token_id", 1},
          {"eos_token_id", 2}};
}

/// One tensor of fp32 normal deviates: norms around 1, heads wide enough for confident logits.
inline model::TensorView random_weight(const model::TensorSpec& spec, std::mt19937& random) {
  const bool norm = spec.name.find("norm") != std::string::npos;
  const bool matrix = spec.shape.size() == 2;
  float scale = 0.1F;  // biases, and norms around 1
  if (matrix) {
    const bool head = spec.name.ends_with("lm_head.weight");
    const bool embedding = spec.name.ends_with("embed_tokens.weight");
    const float gain = head ? 3.0F : 1.0F;
    scale = embedding ? 0.6F : gain / std::sqrt(static_cast<float>(spec.shape[1]));
  }
  std::size_t count = 1;
  for (const auto dim : spec.shape) count *= static_cast<std::size_t>(dim);
  auto data = std::make_shared<std::vector<float>>(count);
  std::normal_distribution<float> normal(norm ? 1.0F : 0.0F, scale);
  for (auto& value : *data) value = normal(random);
  const auto bytes = std::as_bytes(std::span<const float>(*data));
  return {"F32", spec.shape, bytes, std::move(data)};
}

/// Writes config.json, model.safetensors and, where the exits have tensors, early_exit.safetensors
/// into the existing directory `dir`.
inline model::Result<void> write_random_model(const std::filesystem::path& dir,
                                              const nlohmann::json& config, unsigned seed) {
  std::ofstream(dir / "config.json") << config.dump(2);
  const auto read = model::read_config(dir);
  if (!read) return tl::unexpected(read.error());
  std::mt19937 random(seed);
  std::map<std::string, model::TensorView, std::less<>> model_tensors;
  std::map<std::string, model::TensorView, std::less<>> exit_tensors;
  for (const auto& spec : model::tensors_of(*read, model::Part::whole)) {
    auto& target = spec.name.starts_with("early_exit.") ? exit_tensors : model_tensors;
    target.emplace(spec.name, random_weight(spec, random));
  }
  const auto written = model::write_safetensors(dir / "model.safetensors", model_tensors, {});
  if (!written || exit_tensors.empty()) return written;
  return model::write_safetensors(dir / "early_exit.safetensors", exit_tensors, {});
}

}  // namespace cecollm::tests
