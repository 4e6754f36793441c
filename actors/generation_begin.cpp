#include <utility>

#include "actors/generation_steps.hpp"

namespace cecollm::actors::generating {
namespace {

OpenUpload upload_for(Self self) {
  const auto& state = self->state;
  return {state.context, state.request.sampling,
          state.request.sampling.has_penalties() ? state.prompt : std::vector<model::TokenId>{},
          self, state.timeline.trace()};
}

/// Without a conversation, from the prompt's first id on.
void begin_anew(Self self) {
  auto& state = self->state;
  if (state.path == Path::with_cloud) {
    state.upload_open = true;
    self->send(state.setting.link, upload_for(self));
  }
  begin_local(self);
}

/// A conversation was asked for, and how that went is known.
void taken(Self self, const TakenConversation& conversation, bool uploaded) {
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
void resume_upload(Self self, const TakenConversation& conversation) {
  const auto& state = self->state;
  auto open = upload_for(self);
  open.generation = *conversation.context;
  const auto give_up = [self, conversation] {
    caf::anon_send(self->state.setting.shallow, EndShallow{*conversation.context});
    taken(self, {}, false);
  };
  self->request(state.setting.link, answer_limit, ResumeUpload{std::move(open), conversation.rows})
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

void take_conversation(Self self) {
  auto& state = self->state;
  state.taking = true;
  const bool uploaded = state.path == Path::with_cloud;
  self->request(state.setting.conversations, answer_limit,
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

void begin(Self self, std::vector<model::TokenId> ids) {
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
    expect_by_deadline(self);
    return;
  }
  if (state.setting.conversations) {
    take_conversation(self);
  } else {
    begin_anew(self);
  }
}

}  // namespace

void tell_thresholds(Self self) {
  const auto& state = self->state;
  const bool foretell = state.path == Path::with_cloud && state.request.ask_ahead;
  self->send(state.setting.decisions, BeginDecisions{state.context, state.request.thresholds, self,
                                                     foretell, state.timeline.trace()});
}

void begin_local(Self self) {
  auto& state = self->state;
  const bool upload = state.path == Path::with_cloud;
  state.session_open = true;
  tell_thresholds(self);
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

void start(Self self) {
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
  self->request(state.setting.tokenizer_handle, answer_limit,
                EncodePrompt{std::get<std::string>(state.request.prompt)})
      .then(
          [self](const EncodedPrompt& encoded) {
            if (!self->state.finishing) begin(self, encoded.ids);
          },
          [self](const caf::error& error) {
            finish_failed(self, "the tokenizer failed: " + caf::to_string(error), false);
          });
}

}  // namespace cecollm::actors::generating
