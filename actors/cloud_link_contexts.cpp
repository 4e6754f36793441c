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

void fail_ask(Self self, Upload& upload, std::string reason, bool user_error) {
  std::int64_t position = 0;
  if (upload.ask) {
    position = upload.ask->position;
  } else if (!upload.generate) {
    return;
  }
  upload.ask.reset();
  self->send(upload.reply_to, CloudFailed{position, std::move(reason), user_error});
}

void pump_all(Self self);

void finish_closing(Self self, GenerationId generation, Upload& upload) {
  if (ready(self) && upload.phase != Phase::waiting && upload.phase != Phase::broken) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  auto closed = std::move(upload.closed);
  const auto stats = upload.stats;
  self->state.uploads.erase(generation);
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
  send(self, message, &upload);
}

/// Sends rows of one context as far as the window allows, then what waits behind them.
void pump(Self self, GenerationId generation, Upload& upload) {
  if (!ready(self) || (upload.phase != Phase::open && upload.phase != Phase::closing)) return;
  const auto& setting = self->state.setting;
  auto in_flight = in_flight_bytes(self);
  while (upload.log.unsent() > 0 && in_flight < setting.window_bytes) {
    auto batch = *upload.log.next_batch(setting.max_batch_bytes);
    in_flight += batch.payload->size();
    upload.stats.rows_up += batch.count - batch.resent;
    upload.stats.rows_resent += batch.resent;
    upload.stats.row_payload_bytes += (batch.count - batch.resent) * setting.row_bytes;
    setting.metrics->rows_sent.Increment(static_cast<double>(batch.count - batch.resent));
    setting.metrics->rows_resent.Increment(static_cast<double>(batch.resent));
    setting.metrics->row_bytes.Increment(static_cast<double>(batch.payload->size()));
    if (self->state.probe) self->send(self->state.probe, RowsSent{batch.payload->size()});
    send(self,
         transport::RowBatch{generation, upload.epoch, batch.first_sequence,
                             static_cast<std::uint32_t>(batch.count), std::move(batch.payload)},
         &upload);
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

void acknowledge(Self self, Upload& upload, std::uint64_t next_sequence) {
  const auto bytes = upload.log.acknowledge(next_sequence);
  if (bytes == 0) return;
  const auto rows = bytes / self->state.setting.row_bytes;
  self->state.setting.metrics->rows_acknowledged.Increment(static_cast<double>(rows));
  if (self->state.probe) self->send(self->state.probe, RowsAcknowledged{bytes});
  pump_all(self);
}

/// First opening on a fresh connection: rows may follow at once, the cloud holds none.
void open_first(Self self, Upload& upload) {
  upload.phase = Phase::open;
  send(self, upload.open, &upload);
}

/// Opens again under a new epoch; rows wait until the cloud has said what it still holds.
void reopen(Self self, Upload& upload) {
  ++upload.epoch;
  upload.open.epoch = upload.epoch;
  upload.history_sent = 0;
  upload.phase = Phase::reopening;
  if (upload.ask) upload.ask->sent.reset();
  send(self, upload.open, &upload);
}

void start_generate(Self self, Upload& upload) {
  upload.phase = Phase::open;
  send(self, *upload.generate, &upload);
}

}  // namespace

void open_upload(Self self, const OpenUpload& request) {
  auto& state = self->state;
  auto [place, fresh] =
      state.uploads.try_emplace(request.generation, Upload(state.setting.row_bytes));
  auto& upload = place->second;
  upload.reply_to = request.reply_to;
  upload.open.context = request.generation;
  upload.open.sampling = to_wire(request.sampling);
  upload.open.prompt = request.prompt;
  if (ready(self)) open_first(self, upload);
}

void generate_on_cloud(Self self, const GenerateOnCloud& request) {
  auto& state = self->state;
  auto [place, fresh] =
      state.uploads.try_emplace(request.generation, Upload(state.setting.row_bytes));
  auto& upload = place->second;
  upload.reply_to = request.reply_to;
  transport::Generate generate;
  generate.context = request.generation;
  generate.sampling = to_wire(request.sampling);
  generate.prompt = request.prompt;
  generate.max_tokens = static_cast<std::uint32_t>(request.max_tokens);
  generate.ignore_eos = request.ignore_eos;
  upload.generate = std::move(generate);
  if (state.phase == CloudLinkState::Phase::down) {
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
  start_generate(self, upload);
}

void add_rows(Self self, const UploadRows& rows) {
  auto* upload = find(self, rows.generation);
  if (upload == nullptr || upload->phase == Phase::broken) return;
  upload->log.append(*rows.rows.bytes);
  pump(self, rows.generation, *upload);
}

void ask(Self self, const AskCloud& request) {
  auto& state = self->state;
  auto* upload = find(self, request.generation);
  if (upload == nullptr) return;  // closed meanwhile
  upload->ask = {request.position, self->clock().now() + request.deadline, request.output, {}};
  if (state.phase == CloudLinkState::Phase::down) {
    fail_ask(self, *upload, state.problem, false);
  } else if (state.unresponsive) {
    fail_ask(self, *upload, "the cloud has not answered for a while", false);
  } else if (upload->phase == Phase::broken) {
    fail_ask(self, *upload, "the cloud does not serve this context any more", false);
  } else {
    pump(self, request.generation, *upload);
  }
}

void abandon(Self self, const AbandonAsk& late) {
  auto* upload = find(self, late.generation);
  if (upload == nullptr) return;
  if (upload->ask && upload->ask->position == late.position) upload->ask.reset();
  self->state.unresponsive = true;
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
  const bool can_flush = ready(self) && upload->phase == Phase::open;
  if (request.flush && can_flush && upload->log.unsent() > 0) {
    upload->phase = Phase::closing;
    pump(self, request.generation, *upload);
  } else {
    finish_closing(self, request.generation, *upload);
  }
  return promise;
}

void resume_all(Self self) {
  for (auto& [generation, upload] : self->state.uploads) {
    if (upload.phase != Phase::waiting) continue;
    if (upload.generate) {
      start_generate(self, upload);
    } else if (upload.log.sent() == 0 && upload.epoch == 0) {
      open_first(self, upload);
    } else {
      reopen(self, upload);
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
    acknowledge(self, *upload, held.next_sequence);
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
  if (upload->ask && std::cmp_equal(upload->ask->position, reply.position)) {
    const std::chrono::microseconds cloud_time(reply.queue_us + reply.compute_us);
    if (self->state.probe && upload->ask->sent) {
      self->send(self->state.probe, AnswerSeen{*upload->ask->sent, cloud_time});
    }
    upload->ask.reset();
    self->send(upload->reply_to,
               CloudAnswered{static_cast<std::int64_t>(reply.position), reading_of(reply),
                             std::chrono::microseconds(reply.queue_us),
                             std::chrono::microseconds(reply.compute_us), false});
  }
  acknowledge(self, *upload, reply.next_sequence);
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
        reopen(self, *upload);
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
