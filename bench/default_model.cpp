#include "bench/default_model.hpp"

#include <span>
#include <utility>

namespace cecollm::bench {

std::unique_ptr<model::Engine> load(model::Part part, int threads, model::ComputeDType dtype) {
  model::set_compute_threads(threads);
  const auto checkpoint = need(model::Checkpoint::open(CECOLLM_DEFAULT_MODEL));
  return need(model::load_engine(checkpoint, part, {dtype, model::find_row_codec("fp32")}));
}

std::vector<model::TokenId> prompt(std::int64_t length) {
  return std::vector<model::TokenId>(static_cast<std::size_t>(length), token);
}

model::Step step_of(model::Session& session, std::vector<model::TokenId> ids,
                    std::vector<std::size_t> read) {
  model::Step step;
  step.session = &session;
  step.input = std::move(ids);
  step.read = std::move(read);
  return step;
}

model::Step step_of(model::Session& session, model::Rows rows, std::vector<std::size_t> read) {
  model::Step step;
  step.session = &session;
  step.input = std::move(rows);
  step.read = std::move(read);
  return step;
}

model::Step step_of(model::Session& session, std::vector<std::size_t> read) {
  model::Step step;
  step.session = &session;
  step.read = std::move(read);
  return step;
}

model::StepResult run(model::Engine& engine, const model::Step& step) {
  return need(std::move(engine.run(std::span(&step, 1)).front()));
}

}  // namespace cecollm::bench
