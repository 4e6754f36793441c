// config.json, and generation_config.json after a zero byte. What is accepted keeps the bounds that
// everything later counts on.

#include <algorithm>

#include "model/config.hpp"
#include "tests/fuzz/scratch_files.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {

void model_config(std::string_view input) {
  static const ScratchFiles files;
  const auto end = input.find('\0');
  files.write("config.json", input.substr(0, end));
  const auto generation = files.directory() / "generation_config.json";
  if (end == std::string_view::npos) {
    std::filesystem::remove(generation);
  } else {
    files.write(generation.filename(), input.substr(end + 1));
  }
  const auto config = model::read_config(files.directory());
  if (!config) {
    require(!config.error().message.empty(), "a refusal says why");
    return;
  }
  require(config->num_heads > 0 && config->num_kv_heads > 0 && config->head_dim > 0 &&
              config->num_heads % config->num_kv_heads == 0,
          "heads share KV heads evenly");
  require(config->sliding_window.size() == static_cast<std::size_t>(config->num_layers),
          "every layer has its window");
  require(!model::canonical_text(*config).empty(), "a configuration has its text");
  if (!config->exits) return;
  const auto& layers = config->exits->layers;
  require(!layers.empty() && std::ranges::is_sorted(layers) && layers.front() >= 1 &&
              layers.back() <= config->num_layers,
          "exits are rising layers of the model");
}

}  // namespace cecollm::fuzz
