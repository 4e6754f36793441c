#pragma once
// Mode `full`: one process with all layers, the reference, without actors or network.

#include <functional>

#include "apps/failure.hpp"
#include "apps/generation_report.hpp"
#include "apps/prompt_flags.hpp"
#include "apps/settings.hpp"

namespace cecollm::apps {

/// Called with the text that each token completes.
using TextSink = std::function<void(const ReportedToken&)>;

/// With thresholds: what the algorithm prescribes, from one process. Without, or on a model without
/// exits: the plain model.
Outcome<GenerationReport> generate_full(const EdgeSettings& settings, const Prompt& prompt,
                                        const TextSink& on_token);

}  // namespace cecollm::apps
