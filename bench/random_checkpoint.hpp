#pragma once
// Checkpoints with random weights of a given shape, for measurements in which only sizes matter.
// Written as a stream: whatever the shape, memory stays at a few MiB a thread.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/error.hpp"

namespace cecollm::bench {

struct NamedShape {
  std::string_view name;
  std::string_view description;
};
std::vector<NamedShape> named_shapes();

/// config.json of a named shape (a Llama in bf16 with early exits, without an end-of-text token);
/// change members as a measurement needs. None for an unknown name.
std::optional<nlohmann::json> config_of_shape(std::string_view name);

struct WrittenCheckpoint {
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;  // of tensors
};

/// Writes config.json, model.safetensors and, where the exits have tensors of their own,
/// early_exit.safetensors into the directory `dir`, which is made; files that exist are an error.
/// The same `config` and `seed` give the same bytes, whatever `threads` (at least 1) is. Weights
/// are uniform with a deviation that keeps activations finite. The types bfloat16 and float32 of
/// the key torch_dtype are implemented.
model::Result<WrittenCheckpoint> write_random_checkpoint(const std::filesystem::path& dir,
                                                         const nlohmann::json& config,
                                                         std::uint64_t seed, int threads);

}  // namespace cecollm::bench
