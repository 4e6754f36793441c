#include "model/config_fields.hpp"

#include <algorithm>

#include "model/quoting.hpp"

namespace cecollm::model {
namespace {

constexpr int max_window = 1 << 30;
constexpr int mistral_default_window = 4096;  // of a config.json without the key; null is none

struct Rope {
  std::optional<double> theta;
  std::optional<Llama3RopeScaling> scaling;
};

/// Reads the object under `key`: rope_scaling or rope_parameters.
std::optional<Rope> read_rope_object(FieldReader& fields, const std::filesystem::path& file,
                                     const std::string& key) {
  const auto* object = fields.find(key);
  if (object == nullptr) return std::nullopt;
  if (!object->is_object()) {
    fields.fail(ErrorCode::malformed, key, "must be an object");
    return std::nullopt;
  }
  FieldReader own(*object, file, key + ".");
  Rope rope;
  if (own.find("rope_theta") != nullptr) rope.theta = own.required_number("rope_theta", 1.0);
  auto type = own.text("rope_type");
  const std::string type_key = type ? "rope_type" : "type";
  if (!type) type = own.text("type");
  if (own.number_or("partial_rotary_factor", 1.0, 0.0) != 1.0) {
    own.fail(ErrorCode::unsupported, "partial_rotary_factor",
             "rotation of a part of each head is not supported");
  }
  if (!type && std::ranges::any_of(*object, [](const auto& v) { return v.is_object(); })) {
    own.fail(ErrorCode::unsupported, "", "parameters by layer type are not supported");
  } else if (!type && key == "rope_scaling") {
    own.fail(ErrorCode::malformed, "rope_type", "missing");
  } else if (type == "llama3") {
    Llama3RopeScaling scaling;
    scaling.factor = own.required_number("factor", 1.0);
    scaling.low_freq_factor = own.required_number("low_freq_factor", 0.0);
    scaling.high_freq_factor = own.required_number("high_freq_factor", 0.0);
    scaling.original_max_positions = own.required_number("original_max_position_embeddings", 1.0);
    if (!own.error() &&
        (scaling.low_freq_factor <= 0.0 || scaling.high_freq_factor <= scaling.low_freq_factor)) {
      own.fail(ErrorCode::malformed, "low_freq_factor",
               "must be positive and less than high_freq_factor");
    }
    rope.scaling = scaling;
  } else if (type && *type != "default") {
    own.fail(ErrorCode::unsupported, type_key,
             in_quotes(*type) + " is not supported, only default and llama3");
  }
  if (own.error()) fields.fail(*own.error());
  return rope;
}

}  // namespace

void read_rope(FieldReader& fields, const std::filesystem::path& file, ModelConfig& config) {
  if (fields.number_or("partial_rotary_factor", 1.0, 0.0) != 1.0) {
    fields.fail(ErrorCode::unsupported, "partial_rotary_factor",
                "rotation of a part of each head is not supported");
  }
  const auto older = read_rope_object(fields, file, "rope_scaling");
  const auto newer = read_rope_object(fields, file, "rope_parameters");
  if (older && newer && (older->scaling.has_value() != newer->scaling.has_value())) {
    fields.fail(ErrorCode::malformed, "rope_parameters", "contradicts rope_scaling");
  }
  config.rope_scaling = newer ? newer->scaling : older ? older->scaling : std::nullopt;

  std::optional<double> theta;
  if (fields.find("rope_theta") != nullptr) theta = fields.required_number("rope_theta", 1.0);
  if (newer && newer->theta) {
    if (theta && *theta != *newer->theta) {
      fields.fail(ErrorCode::malformed, "rope_parameters.rope_theta", "contradicts rope_theta");
    }
    theta = newer->theta;
  }
  // The first Llamas have no such key and mean this value; every later model states its own.
  if (!theta && config.family != Family::llama) {
    fields.fail(ErrorCode::malformed, "rope_theta", "missing");
  }
  config.rope_theta = theta.value_or(10000.0);
}

std::vector<int> read_sliding_window(FieldReader& fields, Family family, int num_layers) {
  const auto layers = static_cast<std::size_t>(num_layers);
  const bool qwen = family == Family::qwen2 || family == Family::qwen3;
  int window = 0;
  std::size_t first_sliding = 0;
  if (family == Family::mistral) {
    const int unstated = fields.states("sliding_window") ? 0 : mistral_default_window;
    window = fields.int_or("sliding_window", unstated, 1, max_window);
  } else if (qwen && fields.flag_or("use_sliding_window", false)) {
    window = fields.required_int("sliding_window", 1, max_window);
    first_sliding = static_cast<std::size_t>(fields.int_or("max_window_layers", 28, 0, max_window));
  }
  std::vector<int> windows(layers, 0);
  for (std::size_t i = first_sliding; i < layers; ++i) windows[i] = window;

  const auto* types = fields.find("layer_types");
  if (types == nullptr) return windows;
  if (!types->is_array() || types->size() != layers) {
    fields.fail(ErrorCode::malformed, "layer_types",
                "must be a list of num_hidden_layers " + std::to_string(num_layers) + " names");
    return windows;
  }
  for (std::size_t i = 0; i < layers; ++i) {
    const auto& entry = (*types)[i];
    const auto type = entry.is_string() ? entry.get<std::string>() : entry.type_name();
    const bool sliding = type == "sliding_attention";
    if (!sliding && type != "full_attention") {
      fields.fail(ErrorCode::unsupported, "layer_types",
                  in_quotes(type) + " is not supported, only full_attention and sliding_attention");
    } else if (sliding && window == 0) {
      fields.fail(ErrorCode::malformed, "layer_types",
                  "sliding_attention without a sliding window in use");
    } else if (!qwen && sliding != (window > 0)) {
      fields.fail(ErrorCode::unsupported, "layer_types",
                  "all layers of this architecture have the same attention");
    }
    windows[i] = sliding ? window : 0;
  }
  return windows;
}

}  // namespace cecollm::model
