#include "actors/generation.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/generation_metrics.hpp"

namespace cecollm::actors {
namespace {

using GenerationSelf = generation_actor::stateful_pointer<GenerationState>;
using Path = GenerationState::Path;
using std::chrono::milliseconds;

/// How long the edge's own actors may take to answer at the end of a generation; shallow compute
/// may have another generation's prompt to finish first.
constexpr std::chrono::seconds farewell_limit{60};
constexpr std::chrono::seconds encode_limit{60};

void finish(GenerationSelf self, FinishReason reason);
void end_work(GenerationSelf self);

void finish_failed(GenerationSelf self, std::string error, bool user_error) {
  self->state.result.error = std::move(error);
  self->state.result.user_error = user_error;
  finish(self, FinishReason::failed);
}

/// The first thing that went wrong explains the others.
void warn(GenerationState& state, std::string warning) {
  if (state.result.warning.empty()) state.result.warning = std::move(warning);
}

/// The position of the next token.
std::int64_t next_position(const GenerationState& state) {
  return static_cast<std::int64_t>(state.prompt.size() + state.output.size());
}

bool penalties(const GenerationState& state) {
  return state.request.sampling.has_penalties();
}

milliseconds deadline_of_next(const GenerationState& state) {
  return state.output.empty() ? state.request.first_token_deadline : state.request.token_deadline;
}

/// Whether the cloud's token for this position is wanted still.
bool is_awaited(const GenerationState& state, std::int64_t position) {
  if (state.path == Path::on_cloud) return position == state.wanted_on_cloud;
  return state.waiting && state.waiting->position == position;
}

void ring_at(GenerationSelf self, caf::actor_clock::time_point time) {
  self->state.rings_at = time;
  self->delayed_send(self, time - self->clock().now(), DeadlineBell{time});
}

/// One bell serves token after token: it is hung further on when it rings too early, so that a
/// token does not wake the clock's thread.
void expect_by_deadline(GenerationSelf self, std::int64_t position) {
  auto& state = self->state;
  state.expected = {position, self->clock().now() + deadline_of_next(state)};
  if (!state.rings_at || *state.rings_at > state.expected->due) {
    ring_at(self, state.expected->due);
  }
}

/// Opens the edge's session and runs everything known so far through the first stage.
void begin_local(GenerationSelf self) {
  auto& state = self->state;
  const bool upload = state.path == Path::with_cloud;
  state.session_open = true;
  self->send(state.setting.decisions,
             BeginDecisions{state.context, state.request.thresholds, self,
                            upload && state.request.ask_ahead, state.timeline.trace()});
  BeginSession session{state.context, state.request.sampling, state.setting.decisions,
                       upload ? state.setting.link : cloud_link_actor{}, self};
  session.metrics = state.setting.metrics;
  session.trace = state.timeline.trace();
  if (state.output.empty()) session.requested = state.started;
  const auto border = state.prompt.begin() + static_cast<std::ptrdiff_t>(state.resumed_rows);
  session.resumed.assign(state.prompt.begin(), border);
  self->send(state.setting.shallow, std::move(session));
  std::vector<model::TokenId> ids(border, state.prompt.end());
  const auto of_prompt = ids.size();
  ids.insert(ids.end(), state.output.begin(), state.output.end());
  self->send(state.setting.shallow, Advance{state.context, std::move(ids), of_prompt});
}

OpenUpload upload_for(GenerationSelf self) {
  const auto& state = self->state;
  return {state.context, state.request.sampling,
          penalties(state) ? state.prompt : std::vector<model::TokenId>{}, self,
          state.timeline.trace()};
}

/// Without a conversation, from the prompt's first id on.
void begin_anew(GenerationSelf self) {
  auto& state = self->state;
  if (state.path == Path::with_cloud) {
    state.upload_open = true;
    self->send(state.setting.link, upload_for(self));
  }
  begin_local(self);
}

/// A conversation was asked for, and how that went is known.
void taken(GenerationSelf self, const TakenConversation& conversation, bool uploaded) {
  auto& state = self->state;
  state.taking = false;
  if (conversation.context) {
    state.context = *conversation.context;
    state.resumed_rows = conversation.rows;
    state.session_open = true;
    state.upload_open = uploaded;
    state.result.resumed_tokens = static_cast<std::int64_t>(conversation.rows);
    state.setting.metrics->conversations_resumed.Increment();
    state.setting.metrics->resumed_rows.Increment(static_cast<double>(conversation.rows));
  }
  if (state.finishing) {
    end_work(self);  // cancelled meanwhile
  } else if (conversation.context) {
    begin_local(self);
  } else {
    begin_anew(self);
  }
}

/// The rows and the cloud's context first: without them the edge's own part is of no use.
void resume_upload(GenerationSelf self, const TakenConversation& conversation) {
  const auto& state = self->state;
  auto open = upload_for(self);
  open.generation = *conversation.context;
  const auto give_up = [self, conversation] {
    caf::anon_send(self->state.setting.shallow, EndShallow{*conversation.context});
    taken(self, {}, false);
  };
  self->request(state.setting.link, encode_limit, ResumeUpload{std::move(open), conversation.rows})
      .then(
          [self, conversation, give_up](const UploadResumed& upload) {
            if (upload.resumed) {
              taken(self, conversation, true);
            } else {
              give_up();
            }
          },
          [give_up](const caf::error&) { give_up(); });
}

void take_conversation(GenerationSelf self) {
  auto& state = self->state;
  state.taking = true;
  const bool uploaded = state.path == Path::with_cloud;
  self->request(state.setting.conversations, encode_limit,
                TakeConversation{state.request.owner, uploaded, state.prompt})
      .then(
          [self, uploaded](const TakenConversation& conversation) {
            if (conversation.context && uploaded) {
              resume_upload(self, conversation);
            } else {
              taken(self, conversation, false);
            }
          },
          [self](const caf::error&) { taken(self, {}, false); });
}

void begin(GenerationSelf self, std::vector<model::TokenId> ids) {
  auto& state = self->state;
  state.prompt = std::move(ids);
  state.result.prompt_tokens = static_cast<std::int64_t>(state.prompt.size());
  if (state.timeline) {
    state.timeline.tokenized(state.started, self->clock().now(), state.prompt.size());
  }
  if (state.prompt.empty()) {
    finish_failed(self, "the prompt is empty: give at least one token", true);
    return;
  }
  if (state.result.prompt_tokens >= state.setting.max_positions) {
    finish_failed(self,
                  "the prompt has " + std::to_string(state.prompt.size()) +
                      " tokens, the model's context ends at " +
                      std::to_string(state.setting.max_positions) + ": shorten it",
                  true);
    return;
  }
  if (state.request.max_tokens == 0) {
    finish(self, FinishReason::length);
    return;
  }
  if (state.path == Path::on_cloud) {
    state.upload_open = true;
    state.wanted_on_cloud = next_position(state);
    self->send(state.setting.link,
               GenerateOnCloud{state.context, state.request.sampling, state.prompt,
                               state.request.max_tokens, state.request.ignore_eos, self});
    expect_by_deadline(self, state.wanted_on_cloud);
    return;
  }
  if (state.setting.conversations) {
    take_conversation(self);
  } else {
    begin_anew(self);
  }
}

/// Emits one token; ends the generation or starts the next position.
void emit(GenerationSelf self, const model::Reading& reading, policy::Source source,
          bool last_on_cloud, std::optional<AskEnd> ask = std::nullopt) {
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
    expect_by_deadline(self, state.wanted_on_cloud);
  } else {
    self->send(state.setting.shallow, Advance{state.context, {reading.token}, 0});
  }
}

/// The cloud's word on the awaited position is not coming, or is too late.
void fall_back(GenerationSelf self, monitoring::AskOutcome outcome) {
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

/// A cloud that ran everything is gone: the edge takes over with prompt and emitted ids.
void take_over(GenerationSelf self, policy::ModeReason reason) {
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

void ask_cloud(GenerationSelf self, std::int64_t position, bool ahead) {
  const auto& state = self->state;
  self->send(state.setting.link,
             AskCloud{state.context, position, deadline_of_next(state),
                      penalties(state) ? state.output : std::vector<model::TokenId>{}, ahead});
}

void ask_likely(GenerationSelf self, std::int64_t position) {
  auto& state = self->state;
  if (state.path != Path::with_cloud || state.alone || state.ahead) return;
  state.ahead = {position, self->clock().now(), {}, {}};
  ask_cloud(self, position, true);
}

/// The edge gives the token itself.
void withdraw_ask(GenerationSelf self) {
  auto& state = self->state;
  const auto ahead = std::exchange(state.ahead, std::nullopt);
  if (!ahead) return;
  ++state.result.asks_in_vain;
  state.setting.metrics->asks_in_vain.Increment();
  if (!ahead->answer) self->send(state.setting.link, WithdrawAsk{state.context, ahead->position});
}

void exit_taken(GenerationSelf self, const ExitTaken& taken) {
  withdraw_ask(self);
  emit(self, taken.reading, {policy::Source::Kind::exit, taken.exit}, false);
}

/// The awaited token, which came at `answered`.
void take_answer(GenerationSelf self, const CloudAnswered& answer,
                 caf::actor_clock::time_point answered) {
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

void no_exit_sure(GenerationSelf self, const NoExitSure& reading) {
  auto& state = self->state;
  if (state.path == Path::local || state.alone) {
    withdraw_ask(self);
    emit(self, reading.reading, {policy::Source::Kind::exit, reading.exit}, false);
    return;
  }
  const auto now = self->clock().now();
  const auto ahead = std::exchange(state.ahead, std::nullopt);
  state.waiting = {reading.position, reading.exit, reading.reading, now,
                   ahead ? ahead->asked : now};
  if (ahead && ahead->answer) {
    take_answer(self, *ahead->answer, ahead->answered);
    return;
  }
  if (!ahead) ask_cloud(self, reading.position, false);
  expect_by_deadline(self, reading.position);
}

void cloud_answered(GenerationSelf self, const CloudAnswered& answer) {
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

void cloud_failed(GenerationSelf self, const CloudFailed& failure) {
  auto& state = self->state;
  if (state.ahead && state.ahead->position == failure.position) {
    state.ahead.reset();  // if the token is wanted after all, it is asked for then
    return;
  }
  const bool waits = state.waiting && state.waiting->position == failure.position;
  if (waits && failure.skipped && state.waiting->asked < state.waiting->since) {
    // It was not worth asking ahead. By now it may be.
    state.waiting->asked = state.waiting->since;
    ask_cloud(self, failure.position, false);
    return;
  }
  warn(state, failure.reason);
  if (state.path == Path::on_cloud) {
    if (failure.user_error) {
      finish_failed(self, failure.reason, true);
    } else {
      take_over(self, policy::ModeReason::link_lost);
    }
  } else if (waits) {
    fall_back(self,
              failure.skipped ? monitoring::AskOutcome::skipped : monitoring::AskOutcome::lost);
  }
}

void upload_stopped(GenerationSelf self, const UploadStopped& stopped) {
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
void mode_changed(GenerationSelf self, const ModeChanged& change) {
  auto& state = self->state;
  if (state.path != Path::with_cloud) return;
  state.alone = change.mode == policy::Mode::standalone;
  switch_mode(state, self->clock().now(),
              state.alone ? policy::Mode::standalone : state.request.mode, change.reason);
}

void request_changed(GenerationSelf self, const RequestChanged& change) {
  auto& state = self->state;
  state.request.thresholds = change.thresholds;
  state.request.token_deadline = change.token_deadline;
  state.request.first_token_deadline = change.first_token_deadline;
  if (state.session_open) {
    const bool foretell = state.path == Path::with_cloud && state.request.ask_ahead;
    self->send(state.setting.decisions, BeginDecisions{state.context, state.request.thresholds,
                                                       self, foretell, state.timeline.trace()});
  }
}

void deadline_passed(GenerationSelf self, std::int64_t position) {
  auto& state = self->state;
  if (!is_awaited(state, position)) return;
  if (state.path == Path::on_cloud) {
    warn(state, state.setting.shallow ? "the cloud was late; the edge went on alone"
                                      : "the cloud was late");
    self->send(state.setting.link, AbandonAsk{state.context, position});
    take_over(self, policy::ModeReason::asks_expired);
  } else {
    warn(state, "the cloud was late");
    self->send(state.setting.link, AbandonAsk{state.context, position});
    fall_back(self, monitoring::AskOutcome::late);
  }
}

void bell_rang(GenerationSelf self, caf::actor_clock::time_point time) {
  auto& state = self->state;
  if (state.rings_at == time) state.rings_at.reset();
  if (!state.expected) return;
  const auto [position, due] = *state.expected;
  if (self->clock().now() >= due) {
    state.expected.reset();
    deadline_passed(self, position);
  } else if (!state.rings_at && is_awaited(state, position)) {
    ring_at(self, due);
  }
}

/// All that worked for this generation have said their last word: nobody adds to it any more.
void write_timeline(GenerationSelf self) {
  auto& state = self->state;
  state.timeline.finished(state.started, state.result);
  std::shared_ptr<const monitoring::GenerationTrace> trace = state.timeline.trace();
  if (state.setting.detached) {
    self->spawn<caf::detached>(trace_writer, trace, *state.setting.trace);
  } else {
    self->spawn(trace_writer, trace, *state.setting.trace);
  }
}

/// Gives what was kept to those who go on with it. What is only kept in part is of no use.
void leave_conversation(GenerationSelf self) {
  auto& state = self->state;
  const bool uploaded = state.upload_open;
  const auto rows = state.result.upload.kept_bytes;
  if (state.kept_bytes > 0 && (!uploaded || rows > 0)) {
    Conversation conversation{
        state.context, state.request.owner, uploaded, state.prompt, 0, state.kept_bytes + rows};
    conversation.ids.insert(conversation.ids.end(), state.output.begin(), state.output.end());
    conversation.rows = conversation.ids.size() - 1;  // the last token was not run
    self->send(state.setting.conversations, KeepConversation{std::move(conversation)});
    return;
  }
  caf::anon_send(state.setting.shallow, EndShallow{state.context});
  if (rows > 0) caf::anon_send(state.setting.link, CloseUpload{state.context, false});
}

/// Last part of finish(): everything is freed or kept, and counted.
void say_goodbye(GenerationSelf self) {
  auto& state = self->state;
  auto& result = state.result;
  if (state.leaves_conversation) leave_conversation(self);
  if (state.path == Path::on_cloud) {
    result.compute.cloud_layer_rows = state.cloud_positions * state.setting.num_layers;
  } else {
    result.compute.cloud_layer_rows =
        state.cloud_positions * (state.setting.num_layers - state.setting.cut);
  }
  count_generation(*state.setting.metrics, result);
  log_generation(state.setting.logger, state.setting.end_log_level, result);
  if (state.timeline) write_timeline(self);
  caf::anon_send(state.client, result);
  self->quit();
}

void close_upload(GenerationSelf self, bool flush) {
  auto& state = self->state;
  if (!state.upload_open) {
    say_goodbye(self);
    return;
  }
  self->request(state.setting.link, farewell_limit,
                CloseUpload{state.context, flush, state.leaves_conversation})
      .then(
          [self](const UploadStats& stats) {
            self->state.result.upload = stats;
            self->state.cloud_positions = std::max(self->state.cloud_positions,
                                                   static_cast<std::int64_t>(stats.rows_answered));
            say_goodbye(self);
          },
          [self](const caf::error&) {
            warn(self->state, "the link did not say what it has sent");
            say_goodbye(self);
          });
}

void finish(GenerationSelf self, FinishReason reason) {
  auto& state = self->state;
  if (std::exchange(state.finishing, true)) return;
  auto& result = state.result;
  result.generation = state.setting.id;
  result.reason = reason;
  result.completion_tokens = static_cast<std::int64_t>(state.output.size());
  result.total = self->clock().now() - state.started;
  if (state.detokenizer && reason != FinishReason::stop_string) {
    auto rest = state.stops->push(state.detokenizer->flush());
    result.tail = rest.text + state.stops->flush();
  }
  if (!state.taking) end_work(self);
}

/// Second part of finish(): what others hold is freed, or kept for the conversation.
void end_work(GenerationSelf self) {
  auto& state = self->state;
  const auto reason = state.result.reason;
  const bool flush = reason != FinishReason::cancelled && reason != FinishReason::failed;
  // What an upload that was stopped left out would be missing.
  const bool whole = state.upload_open == (state.path == Path::with_cloud);
  state.leaves_conversation = state.setting.conversations && flush && state.session_open && whole;
  if (!state.session_open) {
    close_upload(self, flush);
    return;
  }
  self->send(state.setting.decisions, EndDecisions{state.context});
  self->request(state.setting.shallow, farewell_limit,
                EndShallow{state.context, state.leaves_conversation})
      .then(
          [self, flush](const ShallowEnded& ended) {
            self->state.result.compute.edge_layer_rows = ended.edge_layer_rows;
            self->state.result.values_clamped = ended.values_clamped;
            self->state.kept_bytes = ended.kept_bytes;
            close_upload(self, flush);
          },
          [self, flush](const caf::error&) {
            warn(self->state, "shallow compute did not say what it has computed");
            close_upload(self, flush);
          });
}

void choose_path(GenerationState& state) {
  state.alone = state.setting.mode == policy::Mode::standalone;
  if (!state.setting.link) return;
  if (state.request.mode == policy::Mode::collaborative) {
    if (!policy::never_asks(state.request.thresholds)) state.path = Path::with_cloud;
  } else if (state.request.mode == policy::Mode::cloud_only && !state.alone) {
    state.path = Path::on_cloud;
  }
  if (state.alone && state.request.mode != policy::Mode::standalone) {
    switch_mode(state, state.started, policy::Mode::standalone, state.setting.mode_reason);
  }
}

void start(GenerationSelf self) {
  auto& state = self->state;
  if (const auto* ids = std::get_if<std::vector<model::TokenId>>(&state.request.prompt)) {
    begin(self, *ids);
    return;
  }
  if (!state.setting.tokenizer_handle) {
    finish_failed(self, "the model's directory has no tokenizer.json: give the prompt as ids",
                  true);
    return;
  }
  self->request(state.setting.tokenizer_handle, encode_limit,
                EncodePrompt{std::get<std::string>(state.request.prompt)})
      .then(
          [self](const EncodedPrompt& encoded) {
            if (!self->state.finishing) begin(self, encoded.ids);
          },
          [self](const caf::error& error) {
            finish_failed(self, "the tokenizer failed: " + caf::to_string(error), false);
          });
}

}  // namespace

generation_actor::behavior_type generation(GenerationSelf self, GenerationSetting setting,
                                           GenerationRequest request, caf::actor client) {
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
