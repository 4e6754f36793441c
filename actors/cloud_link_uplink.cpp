#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/cloud_link_session.hpp"
#include "transport/codec.hpp"

namespace cecollm::actors::link {
namespace {

using Phase = Upload::Phase;

/// Of a batch's rows: an envelope that the cloud does not take ends the connection.
std::size_t most_batch_bytes(const CloudLinkState& state) {
  constexpr std::size_t around = 256;                       // what an envelope adds, and more
  const std::size_t frame = state.welcome.max_frame_bytes;  // 0: it does not say
  const auto most = state.setting.max_batch_bytes;
  return frame == 0 ? most : std::min(most, frame - std::min(frame, around));
}

std::uint64_t in_flight_bytes(Self self) {
  std::uint64_t sum = 0;
  for (const auto& [generation, upload] : self->state.uploads) {
    // What others sent will not be confirmed: they send it again, or never more. Nor need the cloud
    // confirm the last rows of one that is kept.
    if (upload.kept) continue;
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
  const auto remaining = ask->deadline - self->clock().now();
  if (remaining.count() <= 0) return;  // its generation is about to give it up
  transport::Ask message;
  message.context = generation;
  message.epoch = upload.epoch;
  message.position = static_cast<std::uint64_t>(ask->position);
  message.remaining_ms = policy::remaining_milliseconds(remaining);
  message.emitted.assign(ask->output.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                   upload.history_sent, ask->output.size())),
                         ask->output.end());
  upload.history_sent = ask->output.size();
  ask->sent = self->clock().now();
  if (const auto cost = cost_of_ask(self)) ask->own_queue = cost->uplink;
  if (send_paid(self, generation, upload, message)) {
    trace_message(self, upload, "ask", ask->position);
  }
}

/// The bytes of this generation's rows that the cloud has not confirmed.
std::uint64_t queued_bytes(Self self, const Upload& upload) {
  if (upload.phase == Phase::broken || upload.kept) return 0;
  return upload.log.unsent() * self->state.setting.row_bytes + upload.log.in_flight_bytes();
}

UploadStats operator-(const UploadStats& later, const UploadStats& earlier) {
  return {later.bytes_up - earlier.bytes_up, later.bytes_down - earlier.bytes_down,
          later.rows_up - earlier.rows_up, later.row_payload_bytes - earlier.row_payload_bytes,
          later.rows_resent - earlier.rows_resent};
}

/// Without those of the conversation's earlier generations.
UploadStats own_stats(const Upload& upload) {
  auto stats = upload.stats - upload.stats_before;
  stats.rows_answered = upload.answered - upload.answered_before;
  return stats;
}

/// Nobody listens any more; what still happens is no part of this generation.
void answer_close(Self self, Upload& upload, const UploadStats& stats) {
  upload.stats_before = upload.stats;
  upload.reply_to = nullptr;
  trace_given_up(self, upload);
  upload.trace.reset();
  auto closed = std::move(upload.closed);
  upload.closed = {};
  if (closed.pending()) closed.deliver(stats);
}

UploadStats stats_of_kept(const Upload& upload) {
  auto stats = own_stats(upload);
  stats.kept_bytes = upload.log.memory_bytes();
  return stats;
}

/// No generation has it now; the rows stay, and the cloud's context as long as it likes.
void keep_upload(Self self, GenerationId generation, Upload& upload) {
  if (upload.phase == Phase::closing) upload.phase = Phase::open;
  upload.kept = true;
  answer_close(self, upload, stats_of_kept(upload));
  forget_rows(self, generation);
  show_levels(self);
  pump_all(self);
}

void count_wasted(Self self, const Upload& upload) {
  const auto wasted = upload.stats.rows_up - std::min(upload.stats.rows_up, upload.answered);
  self->state.setting.metrics->rows_wasted.Increment(static_cast<double>(wasted));
}

}  // namespace

bool ready(Self self) {
  return self->state.phase == CloudLinkState::Phase::ready;
}

Upload* find(Self self, GenerationId generation) {
  const auto found = self->state.uploads.find(generation);
  return found == self->state.uploads.end() ? nullptr : &found->second;
}

bool can_upload(Self self) {
  return ready(self) && !self->state.holding;
}

void fail_ask(Self self, Upload& upload, std::string reason, bool user_error, bool skipped) {
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

void show_levels(Self self) {
  std::uint64_t queued = 0;
  for (const auto& [generation, upload] : self->state.uploads) {
    queued += queued_bytes(self, upload);
  }
  const auto& metrics = *self->state.setting.metrics;
  metrics.retained_row_bytes.Set(static_cast<double>(kept_bytes(self)));
  metrics.uplink_queue.Set(static_cast<double>(queued));
}

void forget_rows(Self self, GenerationId generation) {
  if (self->state.probe) self->send(self->state.probe, RowsForgotten{generation});
}

void let_go(Self self, Upload& upload) {
  auto stats = upload.keep ? stats_of_kept(upload) : own_stats(upload);
  stats.rows_queued = upload.log.never_sent();
  answer_close(self, upload, stats);
}

void finish_closing(Self self, GenerationId generation, Upload& upload) {
  if (upload.keep && upload.phase != Phase::broken) {
    keep_upload(self, generation, upload);
    return;
  }
  if (ready(self) && upload.phase != Phase::waiting && upload.phase != Phase::broken) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  forget_rows(self, generation);
  count_wasted(self, upload);
  answer_close(self, upload, own_stats(upload));
  self->state.uploads.erase(generation);
  show_levels(self);
  pump_all(self);
}

void stop_upload(Self self, GenerationId generation, Upload& upload, std::string reason) {
  if (ready(self) && upload.phase != Phase::waiting) {
    send(self, transport::CloseContext{generation, upload.epoch}, &upload);
  }
  const bool closing = upload.phase == Phase::closing;
  upload.phase = Phase::broken;
  upload.ask.reset();
  self->send(upload.reply_to, UploadStopped{std::move(reason)});
  if (closing) {
    finish_closing(self, generation, upload);
    return;
  }
  forget_rows(self, generation);
  trace_given_up(self, upload);
  upload.log = UploadLog(self->state.setting.row_bytes);
  show_levels(self);
}

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
  keep_budget(self, false);
  send(self, std::move(frame), &upload);
  return true;
}

std::optional<policy::AskCost> cost_of_ask(Self self) {
  const auto& state = self->state;
  std::uint64_t bytes = 0;
  for (const auto& [generation, upload] : state.uploads) {
    if (!upload.kept) bytes += upload.log.unsent() * state.setting.row_bytes;
  }
  return state.quote.cost_at(self->clock().now(), bytes);
}

void pump(Self self, GenerationId generation, Upload& upload) {
  if (upload.kept) return;
  if (!can_upload(self) || (upload.phase != Phase::open && upload.phase != Phase::closing)) return;
  // Most have nothing to send, and what is in flight is a sum over all.
  const bool asks = upload.ask && !upload.ask->sent;
  if (upload.log.unsent() == 0 && !asks && upload.phase == Phase::open) return;
  const auto& setting = self->state.setting;
  auto in_flight = in_flight_bytes(self);
  while (upload.log.unsent() > 0 && in_flight < setting.window_bytes) {
    auto batch = *upload.log.next_batch(most_batch_bytes(self->state));
    const auto bytes = batch.payload->size();
    if (!send_paid(self, generation, upload,
                   transport::RowBatch{generation, upload.epoch, batch.first_sequence,
                                       static_cast<std::uint32_t>(batch.count),
                                       std::move(batch.payload)})) {
      return;
    }
    trace_sent(self, upload, batch);
    in_flight += bytes;
    auto& quote = self->state.quote;
    const auto now = self->clock().now();
    quote = {now, quote.cost_at(now, bytes), quote.bytes_per_second};
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
  trace_confirmed(self, upload, next_sequence);
  if (self->state.probe) {
    self->send(self->state.probe, RowsAcknowledged{generation, bytes, cloud_time});
  }
  pump_all(self);
  show_levels(self);
}

void keep_budget(Self self, bool exactly) {
  auto& state = self->state;
  if (!state.keeper) return;
  const auto today = state.setting.today();
  const policy::SpentBudget spent{today, state.day->spent(today)};
  if (exactly) {
    self->send(state.keeper, KeepBudget{spent});
  } else if (const auto due = state.record->on_spent(spent)) {
    self->send(state.keeper, KeepBudget{*due});
  }
}

void look_at_budget(Self self) {
  auto& state = self->state;
  const bool exhausted = state.day->exhausted(state.setting.today());
  if (std::exchange(state.budget_exhausted, exhausted) == exhausted) return;
  if (state.probe) self->send(state.probe, BudgetSeen{exhausted});
}

}  // namespace cecollm::actors::link
