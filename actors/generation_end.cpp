#include <algorithm>
#include <utility>

#include "actors/generation_metrics.hpp"
#include "actors/generation_steps.hpp"

namespace cecollm::actors::generating {
namespace {

/// All that worked for this generation have said their last word: nobody adds to it any more.
void write_timeline(Self self) {
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
void leave_conversation(Self self) {
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
void say_goodbye(Self self) {
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
  caf::anon_send(state.client, result);
  if (state.timeline) write_timeline(self);
  self->quit();
}

void close_upload(Self self, bool flush) {
  auto& state = self->state;
  if (!state.upload_open) {
    say_goodbye(self);
    return;
  }
  self->request(state.setting.link, answer_limit,
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

}  // namespace

void finish(Self self, FinishReason reason) {
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

void end_work(Self self) {
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
  self->request(state.setting.shallow, answer_limit,
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

void finish_failed(Self self, std::string error, bool user_error) {
  self->state.result.error = std::move(error);
  self->state.result.user_error = user_error;
  finish(self, FinishReason::failed);
}

}  // namespace cecollm::actors::generating
