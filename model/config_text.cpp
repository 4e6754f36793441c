#include <array>
#include <charconv>

#include "model/config.hpp"

namespace cecollm::model {
namespace {

std::string_view family_name(Family family) {
  switch (family) {
    case Family::llama:
      return "llama";
    case Family::mistral:
      return "mistral";
    case Family::qwen2:
      return "qwen2";
    case Family::qwen3:
      return "qwen3";
  }
  return "";
}

// The shortest text that reads back as the same number: independent of locale and precision.
std::string number_text(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string list_text(const std::vector<int>& values) {
  std::string text;
  for (const int value : values) {
    if (!text.empty()) text += ',';
    text += std::to_string(value);
  }
  return text;
}

}  // namespace

std::string canonical_text(const ModelConfig& config) {
  std::string text;
  const auto line = [&text](std::string_view key, const std::string& value) {
    text.append(key).append("=").append(value).append("\n");
  };
  line("family", std::string(family_name(config.family)));
  line("hidden_size", std::to_string(config.hidden_size));
  line("intermediate_size", std::to_string(config.intermediate_size));
  line("num_layers", std::to_string(config.num_layers));
  line("num_heads", std::to_string(config.num_heads));
  line("num_kv_heads", std::to_string(config.num_kv_heads));
  line("head_dim", std::to_string(config.head_dim));
  line("vocab_size", std::to_string(config.vocab_size));
  line("max_positions", std::to_string(config.max_positions));
  line("rms_norm_eps", number_text(config.rms_norm_eps));
  line("rope_theta", number_text(config.rope_theta));
  if (config.rope_scaling) {
    const auto& scaling = *config.rope_scaling;
    line("rope_llama3", number_text(scaling.factor) + "," + number_text(scaling.low_freq_factor) +
                            "," + number_text(scaling.high_freq_factor) + "," +
                            number_text(scaling.original_max_positions));
  }
  line("tied_embeddings", std::to_string(int{config.tied_embeddings}));
  line("qkv_bias", std::to_string(int{config.qkv_bias}));
  line("output_bias", std::to_string(int{config.output_bias}));
  line("mlp_bias", std::to_string(int{config.mlp_bias}));
  line("qk_norm", std::to_string(int{config.qk_norm}));
  line("sliding_window", list_text(config.sliding_window));
  line("eos", list_text(config.eos));
  return text;
}

}  // namespace cecollm::model
