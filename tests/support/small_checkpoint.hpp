#pragma once
// Small checkpoints with random weights, made on the spot for any configuration.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"

namespace cecollm::tests {

/// A config.json of a Llama with 5 layers; change members as a test needs.
inline nlohmann::json small_llama() {
  return {{"architectures", {"LlamaForCausalLM"}},
          {"model_type", "llama"},
          {"hidden_size", 8},
          {"intermediate_size", 12},
          {"num_hidden_layers", 5},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"vocab_size", 16},
          {"max_position_embeddings", 32},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"},
          {"bos_token_id", 1},
          {"eos_token_id", 2}};
}

/// Random bytes as BF16 tensors for `specs`; any bit pattern will do, nothing computes with them.
inline std::map<std::string, model::TensorView, std::less<>> random_tensors(
    const std::vector<model::TensorSpec>& specs, unsigned seed) {
  std::mt19937 random(seed);
  std::map<std::string, model::TensorView, std::less<>> tensors;
  for (const auto& spec : specs) {
    std::size_t bytes = 2;
    for (const auto dim : spec.shape) bytes *= static_cast<std::size_t>(dim);
    auto data = std::make_shared<std::vector<std::byte>>(bytes);
    for (auto& byte : *data) byte = static_cast<std::byte>(random() & 0xffU);
    const std::span<const std::byte> view = *data;
    tensors.emplace(spec.name, model::TensorView{"BF16", spec.shape, view, std::move(data)});
  }
  return tensors;
}

/// Writes config.json and all tensors that the configuration needs into `dir`: model.safetensors
/// and, for exits with their own tensors, early_exit.safetensors.
inline model::Result<void> write_small_checkpoint(const std::filesystem::path& dir,
                                                  const nlohmann::json& config, unsigned seed = 1) {
  std::ofstream(dir / "config.json") << config.dump(2);
  const auto read = model::read_config(dir);
  if (!read) return tl::unexpected(read.error());
  auto tensors = random_tensors(model::tensors_of(*read, model::Part::whole), seed);
  decltype(tensors) exits;
  for (auto it = tensors.begin(); it != tensors.end();) {
    const auto next = std::next(it);
    if (it->first.starts_with("early_exit.")) exits.insert(tensors.extract(it));
    it = next;
  }
  const auto written = model::write_safetensors(dir / "model.safetensors", tensors, {});
  if (!written || exits.empty()) return written;
  return model::write_safetensors(dir / "early_exit.safetensors", exits, {});
}

}  // namespace cecollm::tests
