#pragma once
// The part of a Hugging Face `config.json` that inference needs, checked and in one spelling.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/error.hpp"

namespace cecollm::model {

using TokenId = std::int32_t;

enum class DType { f32, f16, bf16 };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// "fp32", "fp16", "bf16": the spelling of flags, messages and the wire.
std::string_view name_of(DType dtype);
std::optional<DType> dtype_from_name(std::string_view name);

enum class ExitHeadKind {
  shared,  // the model's own final norm and LM head (as LayerSkip)
  norm,    // own RMSNorm, the model's LM head
  linear,  // own RMSNorm and own LM head
};

/// Layers (counted from 1) after which an early exit sits, ascending; never empty.
struct EarlyExits {
  std::vector<int> layers;
  ExitHeadKind head = ExitHeadKind::shared;
};

/// RoPE frequency scaling of Llama 3.x (`rope_type: "llama3"`).
struct Llama3RopeScaling {
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 1.0;
  double original_max_positions = 0;
};

enum class Family { llama, mistral, qwen2, qwen3 };

struct ModelConfig {
  Family family = Family::llama;
  int hidden_size = 0;        // d
  int intermediate_size = 0;  // FFN width
  int num_layers = 0;         // N
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int vocab_size = 0;
  int max_positions = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::optional<Llama3RopeScaling> rope_scaling;
  bool tied_embeddings = false;
  bool qkv_bias = false;
  bool output_bias = false;  // of o_proj
  bool mlp_bias = false;
  bool qk_norm = false;  // RMSNorm over head_dim on q and k (Qwen3)
  /// Window of each layer; 0 means full attention. Size num_layers.
  std::vector<int> sliding_window;
  DType stored_dtype = DType::f32;
  std::optional<TokenId> bos;
  /// End-of-text tokens, from generation_config.json where present, else config.json.
  std::vector<TokenId> eos;
  std::optional<EarlyExits> exits;
};

/// Reads DIR/config.json (and generation_config.json where present). `exit_layers` is what a user
/// asked for: it replaces the checkpoint's exits by `shared` heads at these layers; empty keeps the
/// checkpoint's own. A list equal to the checkpoint's own exits keeps their heads.
Result<ModelConfig> read_config(const std::filesystem::path& dir,
                                const std::vector<int>& exit_layers = {});

bool is_end_of_text(std::span<const TokenId> eos, TokenId token);

/// Stable text of all fields that must be equal on both sides of a cut.
std::string canonical_text(const ModelConfig& config);

}  // namespace cecollm::model
