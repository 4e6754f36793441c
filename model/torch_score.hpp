#pragma once
// Scores a teacher-forced text with every head of a part. Internal to model/torch_*.

#include <span>
#include <vector>

#include "model/engine.hpp"
#include "model/torch_model.hpp"
#include "model/torch_session.hpp"

namespace cecollm::model {

/// Engine::score; `session` is fresh, and left unusable.
Result<std::vector<std::vector<HeadScore>>> score_text(TorchModel& model, TorchSession& session,
                                                       std::span<const TokenId> ids,
                                                       std::span<const TokenId> targets);

}  // namespace cecollm::model
