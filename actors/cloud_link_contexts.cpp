#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/cloud_link_session.hpp"
#include "actors/wire_conversion.hpp"
#include "transport/codec.hpp"

namespace cecollm::actors::link {
namespace {

using Phase = Upload::Phase;

/// A cloud that loses the same context again and again without answering is broken, not unlucky.
constexpr int max_reopenings_in_vain = 3;

bool ready(Self self) {
  return self->state.phase == CloudLinkState::Phase::ready;
}

Upload* find(Self self, GenerationId generation) {
  const auto found = self->state.uploads.find(generation);
  return found == self->state.uploads.end() ? nullptr : &found->second;
}

/// The upload that a message of the cloud belongs to; older epochs are dropped.
Upload* find(Self self, std::uint64_t context, std::uint32_t epoch) {
  auto* upload = find(self, context);
  return upload != nullptr && upload->epoch == epoch ? upload : nullptr;
}

bool can_upload(Self self) {
  return ready(self) && !self->state.holding;
}

void fail_ask(Self self, Upload& upload, std::string reason, bool user_error,
              bool skipped = false) {
  std::int64_t position = 0;
  if (upload.ask) {
    position = upload.ask->position;
  } else if (!upload.generate) {
    return;
  }
  upload.ask.reset();
  self->send(upload.reply_to, CloudFailed{position, std::move(reason), user_error, skipped});
}

std::uint64_t kept_bytes(Self self) {
  std::uint64_t sum = 0;
  for (const auto& [generation, upload] : self->state.uploads) {
    sum += upload.log.rows() * self->state.setting.row_bytes;
  }
  return sum;
}

void show_kept_bytes(Self self) {
  self->state.setting.metrics->retained_row_bytes.Set(static_cast<double>(kept_bytes(self)));
}

/// Rows of this generation that are on their way will not be acknowledged.
void forget_rows(Self self, GenerationId generation) {
  if (self->state.probe) self->send(self->state.probe, RowsForgotten{generation});
}

void pump_all(Self self);

void finish_closing(Self self, GenerationId generation, Upload& upload) {
  if (ready(self) && upload.phase != Phase::waiting && upload.phase != Phase::broken) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  forget_rows(self, generation);
  auto closed = std::move(upload.closed);
  const auto stats = upload.stats;
  self->state.uploads.erase(generation);
  show_kept_bytes(self);
  if (closed.pending()) closed.deliver(stats);
  pump_all(self);
}

std::uint64_t in_flight_bytes(Self self) {
  std::uint64_t sum = 0;
  for (const auto& [generation, upload] : self->state.uploads) {
    // What others sent will not be confirmed: they send it again, or never more.
    if (upload.phase == Phase::open || upload.phase == Phase::closing) {
      sum += upload.log.in_flight_bytes();
    }
  }
  return sum;
}

/// Nothing more of this generation goes up, for good; the cloud need not keep it.
void stop_upload(Self self, GenerationId generation, Upload& upload, std::string reason) {
  if (ready(self) && upload.phase != Phase::waiting) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  const bool closing = upload.phase == Phase::closing;
  upload.phase = Phase::broken;
  upload.ask.reset();
  forget_rows(self, generation);
  upload.log = UploadLog(self->state.setting.row_bytes);
  self->send(upload.reply_to, UploadStopped{std::move(reason)});
  if (closing) finish_closing(self, generation, upload);
  show_kept_bytes(self);
}

/// Sends what the budgets have to pay for; false, and the upload stopped, where they cannot.
bool send_paid(Self self, GenerationId generation, Upload& upload,
               const transport::Message& message) {
  auto& state = self->state;
  auto frame = std::make_shared<const std::vector<char>>(transport::encode_frame(message));
  if (!upload.budget.spend(frame->size())) {
    stop_upload(self, generation, upload,
                "the request's upload budget (link.upload_budget_request) is spent");
    return false;
  }
  if (!state.day->spend(state.setting.today(), frame->size())) {
    stop_upload(self, generation, upload,
                "the day's upload budget (link.upload_budget_day) is spent");
    look_at_budget(self);
    return false;
  }
  send(self, std::move(frame), &upload);
  return true;
}

/// The cost of an ask now, behind everything of ours that is not sent.
std::optional<policy::AskCost> cost_of_ask(Self self) {
  const auto& state = self->state;
  auto bytes = state.given_since_quote;
  for (const auto& [generation, upload] : state.uploads) {
    bytes += upload.log.unsent() * state.setting.row_bytes;
  }
  return state.quote.cost_at(self->clock().now(), bytes);
}

/// Puts the ask on the wire once all of its rows are.
void send_ask_if_due(Self self, GenerationId generation, Upload& upload) {
  auto& ask = upload.ask;
  if (!ask || ask->sent || std::cmp_less(upload.log.sent(), ask->position)) return;
  const auto remaining =
      std::chrono::duration_cast<std::chrono::milliseconds>(ask->deadline - self->clock().now());
  if (remaining.count() <= 0) return;  // its generation is about to give it up
  transport::Ask message;
  message.context = generation;
  message.epoch = upload.epoch;
  message.position = static_cast<std::uint64_t>(ask->position);
  message.remaining_ms = static_cast<std::uint32_t>(remaining.count());
  message.emitted.assign(ask->output.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                   upload.history_sent, ask->output.size())),
                         ask->output.end());
  upload.history_sent = ask->output.size();
  ask->sent = self->clock().now();
  if (const auto cost = cost_of_ask(self)) ask->own_queue = cost->uplink;
  send_paid(self, generation, upload, message);
}

/// Sends rows of one context as far as the window allows, then what waits behind them.
void pump(Self self, GenerationId generation, Upload& upload) {
  if (!can_upload(self) || (upload.phase != Phase::open && upload.phase != Phase::closing)) return;
  const auto& setting = self->state.setting;
  auto in_flight = in_flight_bytes(self);
  while (upload.log.unsent() > 0 && in_flight < setting.window_bytes) {
    auto batch = *upload.log.next_batch(setting.max_batch_bytes);
    const auto bytes = batch.payload->size();
    if (!send_paid(self, generation, upload,
                   transport::RowBatch{generation, upload.epoch, batch.first_sequence,
                                       static_cast<std::uint32_t>(batch.count),
                                       std::move(batch.payload)})) {
      return;
    }
    in_flight += bytes;
    self->state.given_since_quote += bytes;
    upload.stats.rows_up += batch.count - batch.resent;
    upload.stats.rows_resent += batch.resent;
    upload.stats.row_payload_bytes += (batch.count - batch.resent) * setting.row_bytes;
    setting.metrics->rows_sent.Increment(static_cast<double>(batch.count - batch.resent));
    setting.metrics->rows_resent.Increment(static_cast<double>(batch.resent));
    setting.metrics->row_bytes.Increment(static_cast<double>(bytes));
    if (self->state.probe) self->send(self->state.probe, RowsSent{generation, bytes});
  }
  send_ask_if_due(self, generation, upload);
  if (upload.phase == Phase::closing && upload.log.unsent() == 0) {
    finish_closing(self, generation, upload);
  }
}

/// There may be room in the window: for rows of whichever context.
void pump_all(Self self) {
  std::vector<GenerationId> ids;
  for (const auto& [generation, upload] : self->state.uploads) ids.push_back(generation);
  for (const auto id : ids) {
    if (auto* upload = find(self, id)) pump(self, id, *upload);
  }
}

void acknowledge(Self self, GenerationId generation, Upload& upload, std::uint64_t next_sequence,
                 std::chrono::microseconds cloud_time) {
  const auto bytes = upload.log.acknowledge(next_sequence);
  if (bytes == 0) return;
  const auto rows = bytes / self->state.setting.row_bytes;
  self->state.setting.metrics->rows_acknowledged.Increment(static_cast<double>(rows));
  if (self->state.probe) {
    self->send(self->state.probe, RowsAcknowledged{generation, bytes, cloud_time});
  }
  pump_all(self);
}

/// First opening on a fresh connection: rows may follow at once, the cloud holds none.
void open_first(Self self, GenerationId generation, Upload& upload) {
  upload.phase = Phase::open;
  send_paid(self, generation, upload, upload.open);
}

/// Opens again under a new epoch; rows wait until the cloud has said what it still holds.
void reopen(Self self, GenerationId generation, Upload& upload) {
  ++upload.epoch;
  upload.open.epoch = upload.epoch;
  upload.history_sent = 0;
  forget_rows(self, generation);
  upload.phase = Phase::reopening;
  if (upload.ask) upload.ask->sent.reset();
  send_paid(self, generation, upload, upload.open);
}

void start_generate(Self self, GenerationId generation, Upload& upload) {
  upload.phase = Phase::open;
  send_paid(self, generation, upload, *upload.generate);
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
  if (can_upload(self)) open_first(self, request.generation, upload);
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
  if (kept_bytes(self) + rows.rows.bytes->size() > limit) {
    stop_upload(self, rows.generation, *upload,
                "the edge keeps no more than " + std::to_string(limit) +
                    " bytes of rows (link.row_memory)");
    return;
  }
  upload->log.append(*rows.rows.bytes);
  show_kept_bytes(self);
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
  switch (policy::decide_ask(can_upload(self), state.gate, cost_of_ask(self), request.deadline)) {
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
    case policy::AskVerdict::too_slow:
      fail_ask(self, *upload, "the cloud's answer would have come too late", false, true);
      break;
  }
}

void abandon(Self self, const AbandonAsk& late) {
  auto* upload = find(self, late.generation);
  self->state.gate.on_expired();
  if (self->state.probe) self->send(self->state.probe, AskExpired{});
  if (upload == nullptr || !upload->ask || upload->ask->position != late.position) return;
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
  for (const auto& [generation, upload] : state.uploads) {
    if (upload.phase == Phase::closing) closing.push_back(generation);
  }
  for (const auto id : closing) finish_closing(self, id, *find(self, id));
}

void look_at_budget(Self self) {
  auto& state = self->state;
  const bool exhausted = state.day->exhausted(state.setting.today());
  if (std::exchange(state.budget_exhausted, exhausted) == exhausted) return;
  if (state.probe) self->send(state.probe, BudgetSeen{exhausted});
}

caf::typed_response_promise<UploadStats> close(Self self, const CloseUpload& request) {
  auto promise = self->make_response_promise<caf::typed_response_promise<UploadStats>>();
  auto* upload = find(self, request.generation);
  if (upload == nullptr) {
    promise.deliver(UploadStats{});
    return promise;
  }
  upload->closed = promise;
  upload->ask.reset();
  const bool can_flush = can_upload(self) && upload->phase == Phase::open;
  if (request.flush && can_flush && upload->log.unsent() > 0) {
    upload->phase = Phase::closing;
    pump(self, request.generation, *upload);
  } else {
    finish_closing(self, request.generation, *upload);
  }
  return promise;
}

void resume_all(Self self) {
  if (self->state.holding) return;
  for (auto& [generation, upload] : self->state.uploads) {
    if (upload.phase != Phase::waiting) continue;
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
  auto* upload = find(self, held.context, held.epoch);
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
  upload->phase = upload->closed.pending() ? Phase::closing : Phase::open;
  pump_all(self);
}

void replied(Self self, const transport::Reply& reply, std::size_t frame_bytes) {
  auto* upload = find(self, reply.context, reply.epoch);
  if (upload == nullptr) return;
  upload->stats.bytes_down += frame_bytes;
  upload->reopened_in_vain = 0;
  for (auto* asked : {&upload->ask, &upload->late}) {
    if (!*asked || !std::cmp_equal((*asked)->position, reply.position)) continue;
    if (self->state.probe && (*asked)->sent) {
      self->send(self->state.probe,
                 AnswerSeen{*(*asked)->sent, std::chrono::microseconds(reply.queue_us),
                            std::chrono::microseconds(reply.compute_us), (*asked)->own_queue});
    }
  }
  if (upload->late && std::cmp_equal(upload->late->position, reply.position)) upload->late.reset();
  if (upload->ask && std::cmp_equal(upload->ask->position, reply.position)) {
    upload->ask.reset();
    self->send(upload->reply_to,
               CloudAnswered{static_cast<std::int64_t>(reply.position), reading_of(reply),
                             std::chrono::microseconds(reply.queue_us),
                             std::chrono::microseconds(reply.compute_us), false});
  }
  acknowledge(self, reply.context, *upload, reply.next_sequence,
              std::chrono::microseconds(reply.queue_us + reply.compute_us));
}

void generated(Self self, const transport::Generated& token, std::size_t frame_bytes) {
  auto* upload = find(self, token.context, token.epoch);
  if (upload == nullptr || !upload->generate) return;
  upload->stats.bytes_down += frame_bytes;
  const auto position = static_cast<std::int64_t>(upload->generate->prompt.size() + token.index);
  self->send(upload->reply_to,
             CloudAnswered{position, reading_of(token), std::chrono::microseconds(0),
                           std::chrono::microseconds(token.compute_us), token.last});
}

void context_fault(Self self, const transport::Fault& fault, std::size_t frame_bytes) {
  auto* upload = find(self, *fault.context, fault.epoch);
  if (upload == nullptr) return;
  upload->stats.bytes_down += frame_bytes;
  using Code = transport::FaultCode;
  switch (fault.code) {
    case Code::stale_epoch:
      return;  // the epoch that it names is not ours any more
    case Code::overloaded:
    case Code::late:
      if (upload->generate) upload->phase = Phase::broken;
      fail_ask(self, *upload, fault.message, false);
      return;
    case Code::unknown_context:
    case Code::sequence_gap:
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
