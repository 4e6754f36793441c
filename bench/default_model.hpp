#pragma once
// The default model's engines and steps, for benchmarks. Failures end the process with a sentence.

#include <memory>
#include <vector>

#include "model/engine.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::bench {

/// A common token of the default model, fed again and again.
inline constexpr model::TokenId token = 259;

std::unique_ptr<model::Engine> load(model::Part part, int threads,
                                    model::ComputeDType dtype = model::ComputeDType::fp32);
std::vector<model::TokenId> prompt(std::int64_t length);

model::Step step_of(model::Session& session, std::vector<model::TokenId> ids,
                    std::vector<std::size_t> read);
model::Step step_of(model::Session& session, model::Rows rows, std::vector<std::size_t> read);

/// Nothing new: catches up and reads.
model::Step step_of(model::Session& session, std::vector<std::size_t> read);

model::StepResult run(model::Engine& engine, const model::Step& step);

}  // namespace cecollm::bench
