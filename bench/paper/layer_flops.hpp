#pragma once
// Floating-point operations of a decoder's layers: the proxy for energy. A multiplication and its
// addition are two; norms, activations and rotary positions are left out, a sliding window is not
// taken into account.

#include <cstdint>

#include "model/config.hpp"

namespace cecollm::bench {

/// One layer over the positions begin..end-1, each of which attends to all before it and itself.
std::int64_t layer_flops(const model::ModelConfig& config, std::int64_t begin, std::int64_t end);

/// One reading of a head: the product with the vocabulary.
std::int64_t head_flops(const model::ModelConfig& config);

}  // namespace cecollm::bench
