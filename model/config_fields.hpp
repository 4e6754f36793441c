#pragma once
// The two corners of config.json that families and versions spell differently: rotary embeddings
// and sliding windows. Internal to read_config. Meaning and defaults as in Hugging Face
// transformers' configuration classes.

#include <filesystem>
#include <vector>

#include "model/config.hpp"
#include "model/json_file.hpp"

namespace cecollm::model {

/// rope_theta and rope_scaling, or the newer rope_parameters. Errors go to `fields`.
void read_rope(FieldReader& fields, const std::filesystem::path& file, ModelConfig& config);

/// One window a layer as ModelConfig::sliding_window. Errors go to `fields`.
std::vector<int> read_sliding_window(FieldReader& fields, Family family, int num_layers);

}  // namespace cecollm::model
