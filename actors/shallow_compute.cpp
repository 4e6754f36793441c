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
  std::size_t stage = 0;            // whose layers run
  std::int64_t rows = 0;            // through them
  std::optional<std::size_t> exit;  // that is read
  model::Step step;
};

Work prepare(GenerationId generation, ShallowSession& session, const policy::BatchShare& share) {
  Work work;
  work.generation = generation;
  work.first_position = session.session->length();
  work.stage = session.exit.value_or(0);
  work.rows = share.rows;
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
    const auto prompt_rows = std::distance(session.ids.begin(), border);
    work.step.prompt_history = std::exchange(session.resumed, {});
    work.step.prompt_history.insert(work.step.prompt_history.end(), session.ids.begin(), border);
    work.step.output_history.assign(border, end);
    work.step.input = std::vector(session.ids.begin(), end);
    session.prompt_count -= static_cast<std::size_t>(prompt_rows);
    session.ids.erase(session.ids.begin(), end);
    if (share.answers) work.exit = 0;
  }
  if (work.exit) work.step.read = {*work.exit};
  return work;
}

/// The session's KV has grown, or is given up.
void count_kv(ShallowSession& session, std::int64_t bytes) {
  const auto grown = bytes - std::exchange(session.kv_bytes, bytes);
  if (session.metrics != nullptr) session.metrics->kv_bytes.Increment(static_cast<double>(grown));
}

/// The end of the wait for its first step.
void count_queue(ShallowSession& session, policy::TimePoint now) {
  const auto requested = std::exchange(session.requested, std::nullopt);
  if (!requested || session.metrics == nullptr) return;
  session.metrics->generation_queue.Observe(monitoring::seconds(now - *requested));
}

/// A generation's part in one step, among `sharing`.
void trace_step(monitoring::GenerationTrace& trace, const Work& work, std::size_t sharing,
                policy::TimePoint begun, policy::TimePoint ended) {
  trace.span(monitoring::TraceTrack::shallow_compute,
             work.stage == 0 ? "first layers" : "later layers", begun, ended,
             {{"exit", work.stage + 1}, {"rows", work.rows}, {"generations_in_step", sharing}});
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
  const auto begun = self->clock().now();
  auto results = state.engine->run(steps);
  for (std::size_t i = 0; i < works.size(); ++i) {
    auto& session = state.sessions.at(works[i].generation);
    count_queue(session, begun);
    count_kv(session, session.session->kv_bytes());
    if (session.trace) {
      trace_step(*session.trace, works[i], works.size(), begun, self->clock().now());
    }
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

/// The session under a generation's number: a new one, or the conversation's.
model::Result<ShallowSession*> session_for(ShallowComputeState& state, const BeginSession& begin) {
  const auto kept = state.sessions.find(begin.generation);
  if (begin.resumed.empty()) {
    auto opened = state.engine->open(begin.sampling);
    if (!opened) return tl::unexpected(std::move(opened.error()));
    auto& place = state.sessions[begin.generation];
    place.session = std::move(*opened);
    return &place;
  }
  if (kept == state.sessions.end()) {
    return model::fail(model::ErrorCode::mismatch, "there is no session to go on from");
  }
  auto& place = kept->second;
  place.session->truncate(std::ssize(begin.resumed));
  if (auto restarted = place.session->restart(begin.sampling); !restarted) {
    return tl::unexpected(std::move(restarted.error()));
  }
  place.resumed = begin.resumed;
  place.layer_rows_before = layer_rows(*state.engine, *place.session);
  return &place;
}

ShallowEnded end_session(ShallowComputeState& state, const EndShallow& end) {
  ShallowEnded ended;
  const auto found = state.sessions.find(end.generation);
  if (found == state.sessions.end()) return ended;
  auto& place = found->second;
  ended.edge_layer_rows = layer_rows(*state.engine, *place.session) - place.layer_rows_before;
  ended.values_clamped = std::exchange(place.values_clamped, 0);
  if (!end.keep) {
    count_kv(place, 0);
    state.sessions.erase(found);
    return ended;
  }
  place.generation = nullptr;
  place.trace.reset();
  place.requested.reset();
  ended.kept_bytes =
      static_cast<std::uint64_t>(place.session->kv_bytes() + place.session->pending_bytes());
  return ended;
}

}  // namespace

shallow_compute_actor::behavior_type shallow_compute(ShallowSelf self,
                                                     std::shared_ptr<model::Engine> engine) {
  self->state.engine = std::move(engine);
  return {
      [self](const BeginSession& begin) {
        const auto session = session_for(self->state, begin);
        if (!session) {
          self->send(begin.reply_to, ComputeFailed{session.error()});
          return;
        }
        auto& place = **session;
        place.generation = begin.reply_to;
        place.decisions = begin.decisions;
        place.link = begin.link;
        place.metrics = begin.metrics;
        place.requested = begin.requested;
        place.trace = begin.trace;
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
      [self](const EndShallow& end) { return end_session(self->state, end); },
  };
}

}  // namespace cecollm::actors
