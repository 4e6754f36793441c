#include "actors/shallow_compute.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::actors {
namespace {

using ShallowSelf = shallow_compute_actor::stateful_pointer<ShallowComputeState>;

void wake(ShallowSelf self) {
  if (!std::exchange(self->state.step_due, true)) self->send(self, RunShallowStep{});
}

/// Rows that the layers before this exit have yet to run.
std::int64_t waiting_at(std::size_t exit, const ShallowSession& session) {
  return session.session->length() - session.session->stage_length(exit);
}

policy::BatchCandidate candidate_of(GenerationId generation, const ShallowSession& session) {
  policy::BatchCandidate candidate;
  candidate.client = generation;
  candidate.arrived = session.arrived;
  candidate.asked = !session.ids.empty() || session.exit;
  candidate.rows = session.exit ? waiting_at(*session.exit, session) : std::ssize(session.ids);
  return candidate;
}

/// A generation's part of a step: the next of its ids, or of the rows before the exit that it waits
/// for.
struct Work {
  GenerationId generation = 0;
  std::int64_t first_position = 0;
  std::optional<std::size_t> exit;  // that is read
  model::Step step;
};

Work prepare(GenerationId generation, ShallowSession& session, const policy::BatchShare& share) {
  Work work;
  work.generation = generation;
  work.first_position = session.session->length();
  work.step.session = session.session.get();
  if (session.exit && share.answers) {
    work.exit = std::exchange(session.exit, std::nullopt);
  } else if (session.exit) {
    work.step.piece = {*session.exit, share.rows};
  } else {
    const auto count = static_cast<std::size_t>(share.rows);
    const auto end = session.ids.begin() + share.rows;
    const auto border =
        session.ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, session.prompt_count));
    work.step.prompt_history.assign(session.ids.begin(), border);
    work.step.output_history.assign(border, end);
    work.step.input = std::vector(session.ids.begin(), end);
    session.prompt_count -= work.step.prompt_history.size();
    session.ids.erase(session.ids.begin(), end);
    if (share.answers) work.exit = 0;
  }
  if (work.exit) work.step.read = {*work.exit};
  return work;
}

void tell(ShallowSelf self, const Work& work, ShallowSession& session, model::StepResult result) {
  session.values_clamped += static_cast<std::uint64_t>(result.rows.clamped);
  // Rows first: they travel while the exit is decided and later layers run.
  if (session.link && result.rows.count > 0) {
    self->send(session.link,
               UploadRows{work.generation, work.first_position, std::move(result.rows)});
  }
  if (!work.exit) return;
  self->send(session.decisions, ExitRead{work.generation, session.session->length(), *work.exit,
                                         std::move(result.readings.front())});
}

void run_step(ShallowSelf self) {
  auto& state = self->state;
  std::vector<GenerationId> generations;
  std::vector<policy::BatchCandidate> candidates;
  for (const auto& [generation, session] : state.sessions) {
    generations.push_back(generation);
    candidates.push_back(candidate_of(generation, session));
  }
  std::vector<Work> works;
  std::vector<model::Step> steps;
  for (const auto& share : policy::plan_batch(candidates, state.limits)) {
    const auto generation = generations[share.candidate];
    works.push_back(prepare(generation, state.sessions.at(generation), share));
    steps.push_back(std::move(works.back().step));
  }
  if (works.empty()) return;
  auto results = state.engine->run(steps);
  for (std::size_t i = 0; i < works.size(); ++i) {
    auto& session = state.sessions.at(works[i].generation);
    if (results[i]) {
      tell(self, works[i], session, std::move(*results[i]));
    } else {
      session.ids.clear();
      session.exit.reset();
      self->send(session.generation, ComputeFailed{results[i].error()});
    }
  }
  for (const auto& [generation, session] : state.sessions) {
    if (candidate_of(generation, session).asked) return wake(self);
  }
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

shallow_compute_actor::behavior_type shallow_compute(ShallowSelf self,
                                                     std::shared_ptr<model::Engine> engine) {
  self->state.engine = std::move(engine);
  return {
      [self](const BeginSession& begin) {
        auto session = self->state.engine->open(begin.sampling);
        if (!session) {
          self->send(begin.reply_to, ComputeFailed{session.error()});
          return;
        }
        auto& place = self->state.sessions[begin.generation];
        place.session = std::move(*session);
        place.generation = begin.reply_to;
        place.decisions = begin.decisions;
        place.link = begin.link;
      },
      [self](const Advance& work) {
        const auto found = self->state.sessions.find(work.generation);
        if (found == self->state.sessions.end()) return;  // ended meanwhile
        auto& session = found->second;
        session.ids.insert(session.ids.end(), work.ids.begin(), work.ids.end());
        session.prompt_count += work.prompt_count;
        session.arrived = self->clock().now();
        wake(self);
      },
      [self](const Deepen& work) {
        const auto found = self->state.sessions.find(work.generation);
        if (found == self->state.sessions.end()) return;  // ended meanwhile
        found->second.exit = work.exit;
        found->second.arrived = self->clock().now();
        wake(self);
      },
      [self](const RunShallowStep&) {
        self->state.step_due = false;
        run_step(self);
      },
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
