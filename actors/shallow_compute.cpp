#include "actors/shallow_compute.hpp"

#include <span>
#include <utility>

namespace cecollm::actors {
namespace {

using Self = shallow_compute_actor::stateful_pointer<ShallowComputeState>;

/// Runs one step; on failure the generation hears of it and nothing is returned.
std::optional<model::StepResult> run(Self self, const ShallowSession& session,
                                     const model::Step& step) {
  auto results = self->state.engine->run(std::span(&step, 1));
  if (!results.front()) {
    self->send(session.generation, ComputeFailed{results.front().error()});
    return std::nullopt;
  }
  return std::move(*results.front());
}

void advance(Self self, const Advance& work) {
  const auto found = self->state.sessions.find(work.generation);
  if (found == self->state.sessions.end()) return;  // ended meanwhile
  auto& session = found->second;
  const auto first_position = session.session->length();
  const auto border = work.ids.begin() + static_cast<std::ptrdiff_t>(work.prompt_count);
  model::Step step;
  step.session = session.session.get();
  step.input = work.ids;
  step.prompt_history.assign(work.ids.begin(), border);
  step.output_history.assign(border, work.ids.end());
  step.read = {0};
  auto result = run(self, session, step);
  if (!result) return;
  session.values_clamped += static_cast<std::uint64_t>(result->rows.clamped);
  // Rows first: they travel while the exit is decided and later layers run.
  if (session.link) {
    self->send(session.link, UploadRows{work.generation, first_position, std::move(result->rows)});
  }
  self->send(session.decisions, ExitRead{work.generation, session.session->length(), 0,
                                         std::move(result->readings.front())});
}

void deepen(Self self, const Deepen& work) {
  const auto found = self->state.sessions.find(work.generation);
  if (found == self->state.sessions.end()) return;  // ended meanwhile
  auto& session = found->second;
  model::Step step;
  step.session = session.session.get();
  step.read = {work.exit};
  auto result = run(self, session, step);
  if (!result) return;
  self->send(session.decisions, ExitRead{work.generation, session.session->length(), work.exit,
                                         std::move(result->readings.front())});
}

std::int64_t layer_rows(const model::Engine& engine, const model::Session& session) {
  std::int64_t sum = 0;
  for (std::size_t stage = 0; stage < engine.stages().size(); ++stage) {
    const auto& layers = engine.stages()[stage].layers;
    sum += session.stage_length(stage) * (layers.end - layers.begin);
  }
  return sum;
}

}  // namespace

shallow_compute_actor::behavior_type shallow_compute(Self self,
                                                     std::shared_ptr<model::Engine> engine) {
  self->state.engine = std::move(engine);
  return {
      [self](const BeginSession& begin) {
        auto session = self->state.engine->open(begin.sampling);
        if (!session) {
          self->send(begin.reply_to, ComputeFailed{session.error()});
          return;
        }
        self->state.sessions[begin.generation] = {std::move(*session), begin.reply_to,
                                                  begin.decisions, begin.link, 0};
      },
      [self](const Advance& work) { advance(self, work); },
      [self](const Deepen& work) { deepen(self, work); },
      [self](const EndShallow& end) {
        ShallowEnded ended;
        if (const auto found = self->state.sessions.find(end.generation);
            found != self->state.sessions.end()) {
          ended.edge_layer_rows = layer_rows(*self->state.engine, *found->second.session);
          ended.values_clamped = found->second.values_clamped;
          self->state.sessions.erase(found);
        }
        return ended;
      },
  };
}

}  // namespace cecollm::actors
