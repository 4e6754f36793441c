#include "actors/generation.hpp"

#include <utility>

#include "actors/generation_metrics.hpp"
#include "actors/generation_steps.hpp"

namespace cecollm::actors {
namespace generating {
namespace {

void upload_stopped(Self self, const UploadStopped& stopped) {
  auto& state = self->state;
  warn(state, stopped.reason);
  if (state.path == Path::on_cloud) {
    take_over(self, policy::ModeReason::budget_spent);
    return;
  }
  state.path = Path::local;
  switch_mode(state, self->clock().now(), policy::Mode::standalone,
              policy::ModeReason::budget_spent);
  state.ahead.reset();
  if (state.waiting) fall_back(self, monitoring::AskOutcome::skipped);
}

/// A token that waits for the cloud goes on waiting: its deadline bounds that.
void mode_changed(Self self, const ModeChanged& change) {
  auto& state = self->state;
  if (state.path != Path::with_cloud) return;
  state.alone = change.mode == policy::Mode::standalone;
  switch_mode(state, self->clock().now(),
              state.alone ? policy::Mode::standalone : state.request.mode, change.reason);
}

void request_changed(Self self, const RequestChanged& change) {
  auto& state = self->state;
  state.request.thresholds = change.thresholds;
  state.request.token_deadline = change.token_deadline;
  state.request.first_token_deadline = change.first_token_deadline;
  if (state.session_open) tell_thresholds(self);
}

}  // namespace

void warn(GenerationState& state, std::string warning) {
  if (state.result.warning.empty()) state.result.warning = std::move(warning);
}

std::int64_t next_position(const GenerationState& state) {
  return static_cast<std::int64_t>(state.prompt.size() + state.output.size());
}

void emit(Self self, const model::Reading& reading, policy::Source source, bool last_on_cloud,
          std::optional<AskEnd> ask) {
  auto& state = self->state;
  const auto now = self->clock().now();
  TokenEvent event;
  event.generation = state.setting.id;
  event.index = static_cast<std::int64_t>(state.output.size());
  event.token = reading.token;
  event.source = source;
  event.confidence = reading.confidence;
  event.logprob = reading.logprob;
  event.top = reading.top;
  event.ask = ask;

  count_token(*state.setting.metrics, source);
  if (state.output.empty()) {
    state.result.time_to_first_token = now - state.started;
    state.setting.metrics->time_to_first_token.Observe(monitoring::seconds(now - state.started));
  } else {
    state.setting.metrics->inter_token.Observe(monitoring::seconds(now - state.last_token));
  }
  state.last_token = now;
  if (state.timeline) state.timeline.emitted(now, event);
  state.output.push_back(reading.token);
  state.result.counts.add(source);

  bool stopped = false;
  if (state.detokenizer) {
    auto shown = state.stops->push(state.detokenizer->push(reading.token));
    event.text = std::move(shown.text);
    stopped = shown.stopped;
  }
  caf::anon_send(state.client, std::move(event));

  if (model::is_end_of_text(state.setting.eos, reading.token) && !state.request.ignore_eos) {
    finish(self, FinishReason::end_of_text);
  } else if (stopped) {
    finish(self, FinishReason::stop_string);
  } else if (std::cmp_greater_equal(state.output.size(), state.request.max_tokens) ||
             next_position(state) >= state.setting.max_positions || last_on_cloud) {
    finish(self, FinishReason::length);
  } else if (state.path == Path::on_cloud) {
    state.wanted_on_cloud = next_position(state);
    expect_by_deadline(self);
  } else {
    self->send(state.setting.shallow, Advance{state.context, {reading.token}, 0});
  }
}

void switch_mode(GenerationState& state, caf::actor_clock::time_point now, policy::Mode mode,
                 policy::ModeReason reason) {
  if (state.result.mode == mode) return;
  state.result.mode = mode;
  if (mode == policy::Mode::standalone) {
    warn(state, "the edge went on alone: " + std::string(policy::name_of(reason)));
  }
  state.result.mode_switches.push_back(
      {static_cast<std::int64_t>(state.output.size()), mode, reason});
  if (state.timeline) state.timeline.mode_switched(now, state.result.mode_switches.back());
}

void take_over(Self self, policy::ModeReason reason) {
  auto& state = self->state;
  if (!state.setting.shallow) {
    state.result.unavailable = true;
    finish_failed(self, state.result.warning, false);
    return;
  }
  state.path = Path::local;
  switch_mode(state, self->clock().now(), policy::Mode::standalone, reason);
  begin_local(self);
}

}  // namespace generating

generation_actor::behavior_type generation(generating::Self self, GenerationSetting setting,
                                           GenerationRequest request, caf::actor client) {
  using namespace generating;
  auto& state = self->state;
  state.setting = std::move(setting);
  state.request = std::move(request);
  state.client = std::move(client);
  state.context = state.setting.id;
  state.started = self->clock().now();
  state.last_token = state.started;
  state.result.mode = state.request.mode;
  if (state.setting.trace) {
    state.timeline =
        GenerationTimeline(std::make_shared<monitoring::GenerationTrace>(state.setting.id));
  }
  if (state.setting.vocabulary) {
    state.detokenizer.emplace(*state.setting.vocabulary, true);
    state.stops.emplace(state.request.stop);
  }
  choose_path(state);
  state.setting.metrics->generations_active.Increment();
  self->monitor(state.client);
  self->set_down_handler([self](const caf::down_msg&) {
    if (!self->state.finishing) finish(self, FinishReason::cancelled);
  });
  start(self);
  return {
      [self](const ExitTaken& taken) {
        if (!self->state.finishing) exit_taken(self, taken);
      },
      [self](const NoExitSure& reading) {
        if (!self->state.finishing) no_exit_sure(self, reading);
      },
      [self](const AskLikely& likely) {
        if (!self->state.finishing) ask_likely(self, likely.position);
      },
      [self](const CloudAnswered& answer) {
        if (!self->state.finishing) cloud_answered(self, answer);
      },
      [self](const CloudFailed& failure) {
        if (!self->state.finishing) cloud_failed(self, failure);
      },
      [self](const UploadStopped& stopped) {
        if (!self->state.finishing) upload_stopped(self, stopped);
      },
      [self](const ModeChanged& change) {
        if (!self->state.finishing) mode_changed(self, change);
      },
      [self](const RequestChanged& change) {
        if (!self->state.finishing) request_changed(self, change);
      },
      [self](const DeadlineBell& bell) {
        if (!self->state.finishing) bell_rang(self, bell.time);
      },
      [self](const ComputeFailed& failure) {
        if (!self->state.finishing) {
          finish_failed(self, failure.error.message,
                        failure.error.code == model::ErrorCode::out_of_range);
        }
      },
      [self](const CancelGeneration&) {
        if (!self->state.finishing) finish(self, FinishReason::cancelled);
      },
  };
}

}  // namespace cecollm::actors
