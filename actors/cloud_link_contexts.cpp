#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/cloud_link_session.hpp"
#include "actors/wire_conversion.hpp"

namespace cecollm::actors::link {
namespace {

using Phase = Upload::Phase;

/// A cloud that loses the same context again and again without answering is broken, not unlucky.
constexpr int max_reopenings_in_vain = 3;

/// The upload that a message of the cloud belongs to; older epochs are dropped.
Upload* find_current(Self self, std::uint64_t context, std::uint32_t epoch) {
  auto* upload = find(self, context);
  return upload != nullptr && upload->epoch == epoch ? upload : nullptr;
}

/// First opening on a fresh connection: rows may follow at once, the cloud holds none.
void open_first(Self self, GenerationId generation, Upload& upload) {
  upload.phase = Phase::open;
  send_paid(self, generation, upload, upload.open);
}

/// Opens again under a new epoch; rows wait until the cloud has said what it still holds.
void reopen(Self self, GenerationId generation, Upload& upload) {
  const auto& state = self->state;
  if (upload.resumed && !state.welcome.resumes) {
    // This cloud would answer as if the context's earlier generation went on.
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  ++upload.epoch;
  upload.open.epoch = upload.epoch;
  upload.open.rows.reset();
  if (upload.void_from && !upload.told.contains(state.cloud)) upload.open.rows = upload.void_from;
  upload.history_sent = 0;
  forget_rows(self, generation);
  trace_given_up(self, upload);
  upload.phase = Phase::reopening;
  if (upload.ask) upload.ask->sent.reset();
  send_paid(self, generation, upload, upload.open);
}

void start_generate(Self self, GenerationId generation, Upload& upload) {
  upload.phase = Phase::open;
  send_paid(self, generation, upload, *upload.generate);
}

/// The ask that the fault answers was given up, and another one may be waited for. Faults of older
/// clouds do not say which ask they answer.
bool answers_a_past_ask(const Upload& upload, const transport::Fault& fault) {
  return fault.position && (!upload.ask || !std::cmp_equal(upload.ask->position, *fault.position));
}

/// Its generation goes on alone: what nobody reads is not worth computing, nor sending.
void end_stream(Self self, GenerationId generation, Upload& upload) {
  if (ready(self) && upload.phase == Phase::open) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  upload.phase = Phase::broken;
}

/// Rows of conversations that nobody is at give way to those of generations. False: there are none.
bool drop_kept(Self self) {
  for (auto& [generation, upload] : self->state.uploads) {
    if (!upload.kept) continue;
    upload.kept = false;
    upload.keep = false;
    finish_closing(self, generation, upload);
    return true;
  }
  return false;
}

Upload& add_upload(CloudLinkState& state, GenerationId generation) {
  return state.uploads
      .try_emplace(generation, Upload(state.setting.row_bytes, state.setting.budget.per_request))
      .first->second;
}

}  // namespace

void open_upload(Self self, const OpenUpload& request) {
  auto& upload = add_upload(self->state, request.generation);
  upload.reply_to = request.reply_to;
  upload.open.context = request.generation;
  upload.open.sampling = to_wire(request.sampling);
  upload.open.prompt = request.prompt;
  upload.trace = request.trace;
  if (can_upload(self)) open_first(self, request.generation, upload);
}

UploadResumed resume_upload(Self self, const ResumeUpload& request) {
  const auto generation = request.open.generation;
  auto* upload = find(self, generation);
  const bool kept =
      upload != nullptr && (upload->kept || (upload->keep && upload->phase == Phase::closing));
  if (!kept) return {false};
  auto& log = upload->log;
  if (request.rows < log.rows()) {
    log.truncate(request.rows);
    upload->void_from = std::min(request.rows, upload->void_from.value_or(request.rows));
    upload->told.clear();
  }
  upload->answered = std::min(upload->answered, request.rows);
  upload->answered_before = upload->answered;
  upload->kept = false;
  upload->keep = false;
  upload->resumed = true;
  upload->reopened_in_vain = 0;
  upload->late.reset();
  upload->closed = {};
  upload->budget = policy::RequestBudget(self->state.setting.budget.per_request);
  upload->reply_to = request.open.reply_to;
  upload->open.sampling = to_wire(request.open.sampling);
  upload->open.prompt = request.open.prompt;
  upload->trace = request.open.trace;
  show_levels(self);
  if (can_upload(self)) {
    reopen(self, generation, *upload);
  } else {
    upload->phase = Phase::waiting;
    ++upload->epoch;  // so that it is opened anew, not for the first time
  }
  return {true};
}

void generate_on_cloud(Self self, const GenerateOnCloud& request) {
  auto& state = self->state;
  auto& upload = add_upload(state, request.generation);
  upload.reply_to = request.reply_to;
  transport::Generate generate;
  generate.context = request.generation;
  generate.sampling = to_wire(request.sampling);
  generate.prompt = request.prompt;
  generate.max_tokens = static_cast<std::uint32_t>(request.max_tokens);
  generate.ignore_eos = request.ignore_eos;
  upload.generate = std::move(generate);
  if (state.phase == CloudLinkState::Phase::down || state.holding) {
    upload.phase = Phase::broken;
    fail_ask(self, upload, state.problem, state.mismatch);
    return;
  }
  if (!ready(self)) return;
  if (!state.welcome.cloud_only) {
    upload.phase = Phase::broken;
    fail_ask(self, upload, "this cloud does not serve cloud-only requests", true);
    return;
  }
  start_generate(self, request.generation, upload);
}

void add_rows(Self self, const UploadRows& rows) {
  auto* upload = find(self, rows.generation);
  if (upload == nullptr || upload->phase == Phase::broken) return;
  const auto limit = self->state.setting.max_kept_bytes;
  const auto exceeded = [&] {
    return kept_bytes(self) + rows.rows.bytes->size() > limit;
  };
  while (exceeded() && drop_kept(self)) {
  }
  if (exceeded()) {
    stop_upload(self, rows.generation, *upload,
                "the edge keeps no more than " + std::to_string(limit) +
                    " bytes of rows (link.row_memory)");
    return;
  }
  upload->log.append(*rows.rows.bytes);
  show_levels(self);
  pump(self, rows.generation, *upload);
}

void ask(Self self, const AskCloud& request) {
  auto& state = self->state;
  auto* upload = find(self, request.generation);
  if (upload == nullptr) return;  // closed meanwhile
  upload->ask =
      Upload::Ask{request.position, self->clock().now() + request.deadline, request.output, {}, {}};
  if (upload->phase == Phase::broken) {
    fail_ask(self, *upload, "the cloud does not serve this context any more", false, true);
    return;
  }
  if (request.ahead && upload->late) {
    // Asks in vain must not queue up at a cloud that is slower than the edge.
    fail_ask(self, *upload, "an earlier ask of this context is under way", false, true);
    return;
  }
  switch (policy::decide_ask(self->clock().now(), can_upload(self), state.gate, cost_of_ask(self),
                             request.deadline)) {
    case policy::AskVerdict::ask:
      pump(self, request.generation, *upload);
      break;
    case policy::AskVerdict::not_connected:
      fail_ask(self, *upload,
               !state.problem.empty() ? state.problem : "the edge has no cloud at the moment",
               false, true);
      break;
    case policy::AskVerdict::distrusted:
      fail_ask(self, *upload, "the cloud has not answered for a while", false, true);
      break;
    case policy::AskVerdict::paused:
      fail_ask(self, *upload, "the cloud is overloaded and wants no asks for now", false, true);
      break;
    case policy::AskVerdict::too_slow:
      fail_ask(self, *upload, "the cloud's answer would have come too late", false, true);
      break;
  }
}

void withdraw(Self self, const WithdrawAsk& ask) {
  auto* upload = find(self, ask.generation);
  if (upload == nullptr || !upload->ask || upload->ask->position != ask.position) return;
  if (upload->ask->sent) upload->late = std::move(upload->ask);
  upload->ask.reset();
}

void abandon(Self self, const AbandonAsk& late) {
  auto* upload = find(self, late.generation);
  self->state.gate.on_expired();
  if (self->state.probe) self->send(self->state.probe, AskExpired{});
  if (upload == nullptr) return;
  if (upload->generate) {
    end_stream(self, late.generation, *upload);
    return;
  }
  if (!upload->ask || upload->ask->position != late.position) return;
  upload->late = std::move(upload->ask);
  upload->ask.reset();
}

void hold_rows(Self self, bool hold) {
  auto& state = self->state;
  if (state.holding == hold) return;
  state.holding = hold;
  if (!hold) {
    if (ready(self)) resume_all(self);
    return;
  }
  std::vector<GenerationId> closing;
  for (auto& [generation, upload] : state.uploads) {
    if (upload.phase == Phase::closing) closing.push_back(generation);
    // A stream that has not begun, or an ask whose rows have not gone, would wait out its deadline.
    const bool unsent = upload.ask && !upload.ask->sent;
    if (upload.generate && upload.phase == Phase::waiting) {
      upload.phase = Phase::broken;
      fail_ask(self, upload, "the edge has no cloud at the moment", false);
    } else if (unsent) {
      fail_ask(self, upload, "the edge went standalone before its rows had gone", false, true);
    }
  }
  for (const auto id : closing) finish_closing(self, id, *find(self, id));
}

caf::typed_response_promise<UploadStats> close(Self self, const CloseUpload& request) {
  auto promise = self->make_response_promise<caf::typed_response_promise<UploadStats>>();
  auto* upload = find(self, request.generation);
  if (upload == nullptr) {
    promise.deliver(UploadStats{});
    return promise;
  }
  upload->closed = promise;
  upload->keep = request.keep;
  upload->kept = false;
  upload->ask.reset();
  const bool can_flush = can_upload(self) && upload->phase == Phase::open;
  if (!request.flush || !can_flush || upload->log.unsent() == 0) {
    finish_closing(self, request.generation, *upload);
    return promise;
  }
  upload->phase = Phase::closing;
  pump(self, request.generation, *upload);
  upload = find(self, request.generation);
  if (upload != nullptr && upload->closed.pending()) let_go(self, *upload);
  return promise;
}

void resume_all(Self self) {
  if (self->state.holding) return;
  for (auto& [generation, upload] : self->state.uploads) {
    if (upload.phase != Phase::waiting || upload.kept) continue;
    if (upload.generate) {
      start_generate(self, generation, upload);
    } else if (upload.log.sent() == 0 && upload.epoch == 0) {
      open_first(self, generation, upload);
    } else {
      reopen(self, generation, upload);
    }
  }
  pump_all(self);
}

void suspend_all(Self self, const std::string& reason, bool mismatch) {
  std::vector<GenerationId> closing;
  for (auto& [generation, upload] : self->state.uploads) {
    if (upload.phase == Phase::closing) closing.push_back(generation);
    if (upload.phase != Phase::broken) upload.phase = Phase::waiting;
    // A stream from the cloud cannot be taken up again in its middle: its edge goes on alone.
    if (upload.generate) upload.phase = Phase::broken;
    fail_ask(self, upload, reason, mismatch);
  }
  for (const auto id : closing) finish_closing(self, id, *find(self, id));
}

void rows_held(Self self, const transport::RowsHeld& held, std::size_t frame_bytes) {
  auto* upload = find_current(self, held.context, held.epoch);
  if (upload == nullptr) return;
  upload->stats.bytes_down += frame_bytes;
  if (upload->phase != Phase::reopening) {
    acknowledge(self, held.context, *upload, held.next_sequence, {});
    return;
  }
  if (!upload->log.resume_from(held.next_sequence)) {
    upload->phase = Phase::broken;
    fail_ask(self, *upload, "the cloud claims rows that were never sent", false);
    return;
  }
  upload->told.insert(self->state.cloud);
  upload->phase = Phase::open;
  pump_all(self);
}

void replied(Self self, const transport::Reply& reply, std::size_t frame_bytes) {
  auto* upload = find_current(self, reply.context, reply.epoch);
  if (upload == nullptr) return;
  upload->stats.bytes_down += frame_bytes;
  upload->reopened_in_vain = 0;
  upload->answered = std::max(upload->answered, reply.position);
  trace_message(self, *upload, "reply", static_cast<std::int64_t>(reply.position));
  const std::chrono::microseconds queue(reply.queue_us);
  const std::chrono::microseconds compute(reply.compute_us);
  for (auto* asked : {&upload->ask, &upload->late}) {
    if (!*asked || !std::cmp_equal((*asked)->position, reply.position)) continue;
    if (self->state.probe && (*asked)->sent) {
      self->send(self->state.probe,
                 AnswerSeen{*(*asked)->sent, queue, compute, (*asked)->own_queue});
    }
    if (asked == &upload->ask) {
      self->send(upload->reply_to, CloudAnswered{static_cast<std::int64_t>(reply.position),
                                                 reading_of(reply), queue, compute, false});
    }
    asked->reset();
  }
  // The cloud does not answer what a later ask of the same context has overtaken.
  if (upload->late && std::cmp_less(upload->late->position, reply.position)) upload->late.reset();
  acknowledge(self, reply.context, *upload, reply.next_sequence, queue + compute);
}

void generated(Self self, const transport::Generated& token, std::size_t frame_bytes) {
  auto* upload = find_current(self, token.context, token.epoch);
  if (upload == nullptr || !upload->generate) return;
  upload->stats.bytes_down += frame_bytes;
  const auto position = static_cast<std::int64_t>(upload->generate->prompt.size() + token.index);
  self->send(upload->reply_to,
             CloudAnswered{position, reading_of(token), std::chrono::microseconds(0),
                           std::chrono::microseconds(token.compute_us), token.last});
}

void context_fault(Self self, const transport::Fault& fault, std::size_t frame_bytes) {
  auto* upload = find_current(self, *fault.context, fault.epoch);
  // Of a kept one the cloud may have nothing more: it is opened anew before it is used.
  if (upload == nullptr || upload->kept) return;
  upload->stats.bytes_down += frame_bytes;
  using Code = transport::FaultCode;
  switch (fault.code) {
    case Code::stale_epoch:
      return;  // the epoch that it names is not ours any more
    case Code::overloaded:
      self->state.gate.on_overloaded(self->clock().now(),
                                     std::chrono::milliseconds(fault.retry_after_ms));
      [[fallthrough]];
    case Code::late:
      if (answers_a_past_ask(*upload, fault)) {
        if (upload->late && std::cmp_equal(upload->late->position, *fault.position)) {
          upload->late.reset();
        }
        return;
      }
      // Without an ask that it answers it is the context that the cloud has no room for.
      if (upload->generate || (fault.code == Code::overloaded && !fault.position)) break;
      fail_ask(self, *upload, fault.message, false);
      return;
    case Code::unknown_context:
    case Code::sequence_gap:
      if (upload->phase == Phase::closing) {  // nobody waits for the rest to arrive
        finish_closing(self, *fault.context, *upload);
        return;
      }
      if (!upload->generate && ++upload->reopened_in_vain <= max_reopenings_in_vain) {
        reopen(self, *fault.context, *upload);
        pump_all(self);
        return;
      }
      break;
    default:
      break;
  }
  const bool closing = upload->phase == Phase::closing;
  upload->phase = Phase::broken;
  fail_ask(self, *upload, fault.message, fault.code == Code::not_served);
  if (closing) finish_closing(self, *fault.context, *upload);
  pump_all(self);
}

}  // namespace cecollm::actors::link
