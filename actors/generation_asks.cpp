#include <algorithm>
#include <utility>

#include "actors/generation_steps.hpp"

namespace cecollm::actors::generating {
namespace {

using std::chrono::milliseconds;

milliseconds deadline_of_next(const GenerationState& state) {
  return state.output.empty() ? state.request.first_token_deadline : state.request.token_deadline;
}

/// Of the token that the cloud owes.
std::optional<std::int64_t> awaited_position(const GenerationState& state) {
  if (state.path == Path::on_cloud) return state.wanted_on_cloud;
  return state.waiting ? std::optional(state.waiting->position) : std::nullopt;
}

void ring_at(Self self, caf::actor_clock::time_point time) {
  self->state.rings_at = time;
  self->delayed_send(self, time - self->clock().now(), DeadlineBell{time});
}

void ask_cloud(Self self, std::int64_t position, bool ahead) {
  const auto& state = self->state;
  self->send(state.setting.link,
             AskCloud{state.context, position, deadline_of_next(state),
                      state.request.sampling.has_penalties() ? state.output
                                                             : std::vector<model::TokenId>{},
                      ahead});
}

/// The edge gives the token itself.
void withdraw_ask(Self self) {
  auto& state = self->state;
  const auto ahead = std::exchange(state.ahead, std::nullopt);
  if (!ahead) return;
  ++state.result.asks_in_vain;
  state.setting.metrics->asks_in_vain.Increment();
  if (!ahead->answer) self->send(state.setting.link, WithdrawAsk{state.context, ahead->position});
}

/// The awaited token, which came at `answered`.
void take_answer(Self self, const CloudAnswered& answer, caf::actor_clock::time_point answered) {
  auto& state = self->state;
  const auto waiting = std::exchange(state.waiting, std::nullopt);
  const AskEnd end{monitoring::AskOutcome::answered, self->clock().now() - waiting->since,
                   answer.queue, answer.compute, answered - waiting->asked};
  state.result.cloud_wait += end.wait;
  state.setting.metrics->asks[end.outcome].Increment();
  state.setting.metrics->cloud_wait.Observe(monitoring::seconds(end.wait));
  if (state.timeline) state.timeline.asked(waiting->asked, answered, answer.position, end);
  emit(self, answer.reading, {policy::Source::Kind::cloud, 0}, false, end);
}

void deadline_passed(Self self, std::int64_t position) {
  auto& state = self->state;
  const bool on_cloud = state.path == Path::on_cloud;
  warn(state, on_cloud && state.setting.shallow ? "the cloud was late; the edge went on alone"
                                                : "the cloud was late");
  self->send(state.setting.link, AbandonAsk{state.context, position});
  if (on_cloud) {
    take_over(self, policy::ModeReason::asks_expired);
  } else {
    fall_back(self, monitoring::AskOutcome::late);
  }
}

}  // namespace

/// One bell serves token after token: it is hung further on when it rings too early, so that a
/// token does not wake the clock's thread.
void expect_by_deadline(Self self) {
  auto& state = self->state;
  state.due = self->clock().now() + deadline_of_next(state);
  if (!state.rings_at || *state.rings_at > state.due) ring_at(self, state.due);
}

void fall_back(Self self, monitoring::AskOutcome outcome) {
  auto& state = self->state;
  state.setting.metrics->asks[outcome].Increment();
  const auto fallback = std::exchange(state.waiting, std::nullopt);
  const auto now = self->clock().now();
  const AskEnd end{outcome, now - fallback->since, {}, {}, {}};
  state.result.cloud_wait += end.wait;
  if (outcome != monitoring::AskOutcome::skipped) {
    state.setting.metrics->cloud_wait.Observe(monitoring::seconds(end.wait));
  }
  if (state.timeline) state.timeline.asked(fallback->asked, now, fallback->position, end);
  emit(self, fallback->reading, {policy::Source::Kind::fallback, fallback->exit}, false, end);
}

void ask_likely(Self self, std::int64_t position) {
  auto& state = self->state;
  if (state.path != Path::with_cloud || state.alone || state.ahead) return;
  state.ahead = {position, self->clock().now(), {}, {}};
  ask_cloud(self, position, true);
}

void exit_taken(Self self, const ExitTaken& taken) {
  withdraw_ask(self);
  emit(self, taken.reading, {policy::Source::Kind::exit, taken.exit}, false);
}

void no_exit_sure(Self self, const NoExitSure& reading) {
  auto& state = self->state;
  if (state.path == Path::local || state.alone) {
    withdraw_ask(self);
    emit(self, reading.reading, {policy::Source::Kind::exit, reading.exit}, false);
    return;
  }
  const auto now = self->clock().now();
  const auto ahead = std::exchange(state.ahead, std::nullopt);
  state.waiting = {reading.position,           reading.exit,     reading.reading, now,
                   ahead ? ahead->asked : now, ahead.has_value()};
  if (ahead && ahead->answer) {
    take_answer(self, *ahead->answer, ahead->answered);
    return;
  }
  if (!ahead) ask_cloud(self, reading.position, false);
  expect_by_deadline(self);
}

void cloud_answered(Self self, const CloudAnswered& answer) {
  auto& state = self->state;
  if (state.path == Path::on_cloud) {
    if (answer.position != state.wanted_on_cloud) return;
    state.cloud_positions = answer.position;
    if (state.timeline) state.timeline.generated_on_cloud(self->clock().now(), answer.compute);
    emit(self, answer.reading, {policy::Source::Kind::cloud, 0}, answer.last);
    return;
  }
  const auto now = self->clock().now();
  if (state.waiting && state.waiting->position == answer.position) {
    take_answer(self, answer, now);
  } else if (state.ahead && state.ahead->position == answer.position) {
    state.ahead->answer = answer;
    state.ahead->answered = now;
  }  // else too late
}

void cloud_failed(Self self, const CloudFailed& failure) {
  auto& state = self->state;
  if (state.path == Path::on_cloud) {
    warn(state, failure.reason);
    if (failure.user_error) {
      finish_failed(self, failure.reason, true);
    } else {
      take_over(self, policy::ModeReason::link_lost);
    }
  } else if (state.ahead && state.ahead->position == failure.position) {
    state.ahead.reset();  // if the token is wanted after all, it is asked for then
  } else if (state.waiting && state.waiting->position == failure.position) {
    if (failure.skipped && std::exchange(state.waiting->asked_ahead, false)) {
      // It was not worth asking ahead. By now it may be.
      state.waiting->asked = self->clock().now();
      ask_cloud(self, failure.position, false);
      return;
    }
    warn(state, failure.reason);
    fall_back(self,
              failure.skipped ? monitoring::AskOutcome::skipped : monitoring::AskOutcome::lost);
  }
}

void bell_rang(Self self, caf::actor_clock::time_point time) {
  auto& state = self->state;
  if (state.rings_at == time) state.rings_at.reset();
  const auto position = awaited_position(state);
  if (!position) return;
  if (self->clock().now() >= state.due) {
    deadline_passed(self, *position);
  } else if (!state.rings_at) {
    ring_at(self, state.due);
  }
}

}  // namespace cecollm::actors::generating
