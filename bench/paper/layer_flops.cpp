#include "bench/paper/layer_flops.hpp"

namespace cecollm::bench {

std::int64_t layer_flops(const model::ModelConfig& config, std::int64_t begin, std::int64_t end) {
  const std::int64_t d = config.hidden_size;
  const std::int64_t queries = std::int64_t{config.num_heads} * config.head_dim;
  const std::int64_t keys = std::int64_t{config.num_kv_heads} * config.head_dim;
  // Queries and output, keys and values, and the gated network's three matrices.
  const std::int64_t weights = 2 * d * queries + 2 * d * keys + 3 * d * config.intermediate_size;
  // Position p attends to p + 1 positions, with a product for the scores and one for the values.
  const std::int64_t attended = (end * (end + 1) - begin * (begin + 1)) / 2;
  return 2 * weights * (end - begin) + 4 * queries * attended;
}

std::int64_t head_flops(const model::ModelConfig& config) {
  return 2 * std::int64_t{config.hidden_size} * config.vocab_size;
}

}  // namespace cecollm::bench
