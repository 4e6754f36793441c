#include "model/config.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "model/config_fields.hpp"
#include "model/json_file.hpp"
#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

using nlohmann::json;

// Upper bounds keep every product of sizes within 63 bits and every loop over them short.
constexpr int max_width = 1 << 20;  // of hidden states, FFN and all heads together
constexpr int max_layers = 4096;
constexpr int max_vocab = 1 << 24;
constexpr int max_length = 1 << 30;  // positions
constexpr std::size_t max_eos = 1024;
constexpr std::size_t max_json_bytes = std::size_t{1} << 20U;

struct FamilyNames {
  Family family;
  std::string_view model_type;
  std::string_view architecture;
};
constexpr std::array families = {
    FamilyNames{Family::llama, "llama", "LlamaForCausalLM"},
    FamilyNames{Family::mistral, "mistral", "MistralForCausalLM"},
    FamilyNames{Family::qwen2, "qwen2", "Qwen2ForCausalLM"},
    FamilyNames{Family::qwen3, "qwen3", "Qwen3ForCausalLM"},
};

void refuse(FieldReader& fields, std::string_view key, std::string_view found,
            std::string_view implemented) {
  fields.fail(ErrorCode::unsupported, key,
              in_quotes(found) + " is not supported, only " + std::string(implemented));
}

Family read_family(FieldReader& fields) {
  constexpr std::string_view implemented = "llama, mistral, qwen2 and qwen3 causal language models";
  const auto type = fields.text("model_type");
  std::string architecture;
  if (const auto* list = fields.find("architectures"); list != nullptr) {
    if (!list->is_array() || list->empty() || !list->front().is_string()) {
      fields.fail(ErrorCode::malformed, "architectures", "must be a list of names");
      return Family::llama;
    }
    architecture = list->front().get<std::string>();
  }
  if (!type && architecture.empty()) {
    fields.fail(ErrorCode::malformed, "model_type", "missing");
    return Family::llama;
  }
  const auto* known = std::ranges::find_if(families, [&](const FamilyNames& names) {
    return type ? *type == names.model_type : architecture == names.architecture;
  });
  if (known == families.end()) {
    if (type) {
      refuse(fields, "model_type", *type, implemented);
    } else {
      refuse(fields, "architectures", architecture, implemented);
    }
    return Family::llama;
  }
  if (!architecture.empty() && architecture != known->architecture) {
    refuse(fields, "architectures", architecture,
           std::string(known->architecture) + " for model_type " + std::string(known->model_type));
  }
  return known->family;
}

void read_sizes(FieldReader& fields, ModelConfig& config) {
  config.hidden_size = fields.required_int("hidden_size", 1, max_width);
  config.intermediate_size = fields.required_int("intermediate_size", 1, max_width);
  config.num_layers = fields.required_int("num_hidden_layers", 1, max_layers);
  config.num_heads = fields.required_int("num_attention_heads", 1, max_width);
  config.vocab_size = fields.required_int("vocab_size", 1, max_vocab);
  config.max_positions = fields.required_int("max_position_embeddings", 1, max_length);
  // Only Llama's absent value means one KV head a head; the others' defaults fit one model size.
  config.num_kv_heads = config.family == Family::llama
                            ? fields.int_or("num_key_value_heads", config.num_heads, 1, max_width)
                            : fields.required_int("num_key_value_heads", 1, max_width);
  if (fields.error()) return;
  if (config.num_heads % config.num_kv_heads != 0) {
    fields.fail(ErrorCode::malformed, "num_key_value_heads",
                std::to_string(config.num_kv_heads) + " does not divide num_attention_heads " +
                    std::to_string(config.num_heads));
  }
  if (config.family == Family::qwen3 || fields.find("head_dim") != nullptr) {
    config.head_dim = fields.required_int("head_dim", 1, max_width);
  } else if (config.hidden_size % config.num_heads != 0) {
    fields.fail(ErrorCode::malformed, "num_attention_heads",
                std::to_string(config.num_heads) + " does not divide hidden_size " +
                    std::to_string(config.hidden_size) + " and there is no head_dim");
  } else {
    config.head_dim = config.hidden_size / config.num_heads;
  }
  if (fields.error()) return;
  if (config.head_dim % 2 != 0) {
    fields.fail(ErrorCode::malformed, "head_dim",
                std::to_string(config.head_dim) + " is odd; rotary embeddings need pairs");
  }
  if (std::int64_t{config.head_dim} * config.num_heads > max_width) {
    fields.fail(ErrorCode::malformed, "head_dim",
                "times num_attention_heads is more than " + std::to_string(max_width));
  }
}

void read_block(FieldReader& fields, ModelConfig& config) {
  if (const auto act = fields.text("hidden_act"); act && *act != "silu") {
    refuse(fields, "hidden_act", *act, "silu");
  }
  if (fields.find("quantization_config") != nullptr) {
    fields.fail(ErrorCode::unsupported, "quantization_config",
                "quantised weights are not supported, only F32, F16 and BF16");
  }
  config.rms_norm_eps = fields.number_or("rms_norm_eps", 1e-6, 0.0);
  config.tied_embeddings = fields.flag_or("tie_word_embeddings", false);
  const bool attention_bias = fields.flag_or("attention_bias", false);
  const bool mlp_bias = fields.flag_or("mlp_bias", false);
  const bool has_attention_bias_switch =
      config.family == Family::llama || config.family == Family::qwen3;
  if (attention_bias && !has_attention_bias_switch && config.family != Family::qwen2) {
    fields.fail(ErrorCode::unsupported, "attention_bias", "not part of this architecture");
  }
  if (mlp_bias && config.family != Family::llama) {
    fields.fail(ErrorCode::unsupported, "mlp_bias", "not part of this architecture");
  }
  config.qkv_bias = config.family == Family::qwen2 || attention_bias;
  config.output_bias = has_attention_bias_switch && attention_bias;
  config.mlp_bias = mlp_bias;
  config.qk_norm = config.family == Family::qwen3;
}

DType read_stored_dtype(FieldReader& fields) {
  for (const std::string_view key : {"dtype", "torch_dtype"}) {
    const auto name = fields.text(key);
    if (!name) continue;
    if (*name == "float32") return DType::f32;
    if (*name == "float16") return DType::f16;
    if (*name == "bfloat16") return DType::bf16;
    refuse(fields, key, *name, "float32, float16 and bfloat16");
  }
  return DType::f32;
}

std::vector<TokenId> read_token_ids(FieldReader& fields, std::string_view key, int vocab_size) {
  const auto* value = fields.find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {fields.checked_int(*value, key, 0, vocab_size - 1)};
  if (value->size() > max_eos) {
    fields.fail(ErrorCode::malformed, key, "more than " + std::to_string(max_eos) + " ids");
    return {};
  }
  std::vector<TokenId> ids;
  for (const auto& entry : *value) {
    const auto id = fields.checked_int(entry, key, 0, vocab_size - 1);
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

void read_special_tokens(FieldReader& fields, ModelConfig& config) {
  if (const auto bos = read_token_ids(fields, "bos_token_id", config.vocab_size); !bos.empty()) {
    config.bos = bos.front();
  }
  if (auto eos = read_token_ids(fields, "eos_token_id", config.vocab_size); !eos.empty()) {
    config.eos = std::move(eos);
  }
}

/// The reason why `layers` cannot be exits of a model of `num_layers`, or empty.
std::string exit_layers_flaw(const std::vector<int>& layers, int num_layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i] < 1 || layers[i] >= num_layers) {
      return "exit layer " + std::to_string(layers[i]) + " is not between 1 and " +
             std::to_string(num_layers - 1) + ", the last but one of the model's layers";
    }
    if (i > 0 && layers[i] <= layers[i - 1]) {
      return "exit layers must ascend, but " + std::to_string(layers[i]) + " follows " +
             std::to_string(layers[i - 1]);
    }
  }
  return "";
}

std::optional<EarlyExits> read_exits(FieldReader& fields, const std::filesystem::path& file,
                                     int num_layers) {
  const auto* object = fields.find("early_exit");
  if (object == nullptr) return std::nullopt;
  if (!object->is_object()) {
    fields.fail(ErrorCode::malformed, "early_exit", "must be an object");
    return std::nullopt;
  }
  FieldReader own(*object, file, "early_exit.");
  EarlyExits exits;
  const auto* layers = own.find("layers");
  if (layers == nullptr || !layers->is_array() || layers->empty() ||
      layers->size() > static_cast<std::size_t>(num_layers)) {
    own.fail(ErrorCode::malformed, "layers", "must be a list of layers counted from 1");
  } else {
    for (const auto& layer : *layers) {
      exits.layers.push_back(own.checked_int(layer, "layers", 1, max_layers));
    }
    if (const auto flaw = exit_layers_flaw(exits.layers, num_layers); !flaw.empty()) {
      own.fail(ErrorCode::malformed, "layers", flaw);
    }
  }
  const auto head = own.text("head");
  if (head == "norm") {
    exits.head = ExitHeadKind::norm;
  } else if (head == "linear") {
    exits.head = ExitHeadKind::linear;
  } else if (head == "shared") {
    exits.head = ExitHeadKind::shared;
  } else if (head) {
    refuse(own, "head", *head, "shared, norm and linear");
  } else {
    own.fail(ErrorCode::malformed, "head", "missing");
  }
  if (own.error()) fields.fail(*own.error());
  return exits;
}

}  // namespace

std::size_t size_of(DType dtype) {
  return dtype == DType::f32 ? 4 : 2;
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "fp32";
    case DType::f16:
      return "fp16";
    case DType::bf16:
      return "bf16";
  }
  return "";
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto dtype : {DType::f32, DType::f16, DType::bf16}) {
    if (name == name_of(dtype)) return dtype;
  }
  return std::nullopt;
}

Result<ModelConfig> read_config(const std::filesystem::path& dir,
                                const std::vector<int>& exit_layers) {
  const auto file = dir / "config.json";
  const auto object = read_json_object(file, max_json_bytes);
  if (!object) return tl::unexpected(object.error());
  FieldReader fields(*object, file);
  ModelConfig config;
  config.family = read_family(fields);
  if (!fields.error()) read_sizes(fields, config);
  if (fields.error()) return tl::unexpected(*fields.error());
  read_block(fields, config);
  read_rope(fields, file, config);
  config.sliding_window = read_sliding_window(fields, config.family, config.num_layers);
  config.stored_dtype = read_stored_dtype(fields);
  read_special_tokens(fields, config);
  config.exits = read_exits(fields, file, config.num_layers);
  if (fields.error()) return tl::unexpected(*fields.error());

  const auto generation_file = dir / "generation_config.json";
  std::error_code code;
  if (std::filesystem::exists(generation_file, code)) {
    const auto generation = read_json_object(generation_file, max_json_bytes);
    if (!generation) return tl::unexpected(generation.error());
    FieldReader generation_fields(*generation, generation_file);
    read_special_tokens(generation_fields, config);
    if (generation_fields.error()) return tl::unexpected(*generation_fields.error());
  }

  if (!exit_layers.empty() && (!config.exits || config.exits->layers != exit_layers)) {
    if (const auto flaw = exit_layers_flaw(exit_layers, config.num_layers); !flaw.empty()) {
      return fail(ErrorCode::out_of_range, file.string() + ": " + flaw);
    }
    config.exits = EarlyExits{exit_layers, ExitHeadKind::shared};
  }
  return config;
}

bool is_end_of_text(std::span<const TokenId> eos, TokenId token) {
  return std::ranges::find(eos, token) != eos.end();
}

}  // namespace cecollm::model
