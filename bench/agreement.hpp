#pragma once
// How well an emitted text agrees with the full model.

#include <cstdint>
#include <vector>

#include "model/engine.hpp"

namespace cecollm::bench {

/// How many of `emitted` are the greedy choice of `whole` after the prompt and what was emitted
/// before (teacher-forced, one pass).
model::Result<std::int64_t> agreeing_tokens(model::Engine& whole,
                                            const std::vector<model::TokenId>& prompt,
                                            const std::vector<model::TokenId>& emitted);

}  // namespace cecollm::bench
