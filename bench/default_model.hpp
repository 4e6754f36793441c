#pragma once
// The default model's engines and steps, for benchmarks. Failures end the process with a sentence.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "model/engine.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::bench {

/// A common token of the default model, fed again and again.
inline constexpr model::TokenId token = 259;

/// The value, or the end of the process.
template <class T>
T need(model::Result<T> result) {
  if (!result) {
    std::cerr << "benchmark: " << result.error().message << '\n';
    std::exit(1);
  }
  return std::move(*result);
}

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
