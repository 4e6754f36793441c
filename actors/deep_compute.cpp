#include "actors/deep_compute.hpp"

#include <chrono>
#include <span>
#include <utility>

#include "actors/wire_conversion.hpp"

namespace cecollm::actors {
namespace {

using Self = deep_compute_actor::stateful_pointer<DeepComputeState>;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using transport::FaultCode;

std::uint32_t micros(caf::actor_clock::duration_type duration) {
  return static_cast<std::uint32_t>(duration_cast<microseconds>(duration).count());
}

/// Work arrives from the context store, and reports go back to it.
context_store_actor store_of(Self self) {
  return caf::actor_cast<context_store_actor>(self->current_sender());
}

FaultCode fault_code_of(model::ErrorCode code) {
  switch (code) {
    case model::ErrorCode::non_finite:
    case model::ErrorCode::mismatch:
      return FaultCode::bad_row;
    case model::ErrorCode::out_of_range:
      return FaultCode::limit;
    default:
      return FaultCode::internal;
  }
}

void answer_fault(Self self, const peer_actor& peer, ContextKey key, std::uint32_t epoch,
                  FaultCode code, std::string message, std::optional<std::int64_t> position = {}) {
  transport::Fault fault;
  fault.code = code;
  fault.message = std::move(message);
  fault.context = key.context;
  fault.epoch = epoch;
  fault.position = position;
  self->send(peer, ToPeer{std::move(fault)});
}

model::Result<model::StepResult> run(model::Engine& engine, const model::Step& step) {
  return std::move(engine.run(std::span(&step, 1)).front());
}

/// Takes in what the ask brought, whether or not there is time to answer it: the store hands
/// everything out once. Rows stay pending until a head is read.
model::Result<void> take_in(model::Engine& engine, model::Session& session, const DeepAsk& work) {
  model::Step history;
  history.session = &session;
  history.prompt_history = work.prompt_history;
  history.output_history = work.output_history;
  if (auto taken = run(engine, history); !taken) return tl::unexpected(std::move(taken.error()));
  for (const auto& rows : work.rows) {
    model::Step step;
    step.session = &session;
    step.input = rows;
    if (auto taken = run(engine, step); !taken) return tl::unexpected(std::move(taken.error()));
  }
  return {};
}

/// Catches up and reads the final head.
model::Result<model::Reading> read_next(model::Engine& engine, model::Session& session) {
  model::Step step;
  step.session = &session;
  step.read = {engine.stages().size() - 1};
  auto result = run(engine, step);
  if (!result) return tl::unexpected(std::move(result.error()));
  return std::move(result->readings.front());
}

model::Result<model::Session*> session_of(Self self, const DeepAsk& work) {
  auto& place = self->state.sessions[work.key].session;
  if (!place) {
    auto opened = self->state.setting.engines.cloud->open(work.sampling);
    if (!opened) return tl::unexpected(std::move(opened.error()));
    place = std::move(*opened);
  }
  return place.get();
}

void fail(Self self, const DeepAsk& work, const model::Error& error) {
  self->state.setting.metrics->asks[monitoring::CloudAskOutcome::faulted].Increment();
  self->state.sessions.erase(work.key);
  answer_fault(self, work.peer, work.key, work.epoch, fault_code_of(error.code), error.message);
  self->send(store_of(self), AskDone{work.key, work.epoch, true});
}

/// The session that had the earlier rows was lost, and the context opened anew before the store
/// heard of it: another token than that of the asked position would be read. The edge sends all
/// again.
void restart(Self self, const DeepAsk& work, std::int64_t rows) {
  self->state.setting.metrics->asks[monitoring::CloudAskOutcome::faulted].Increment();
  self->state.sessions.erase(work.key);
  answer_fault(self, work.peer, work.key, work.epoch, FaultCode::sequence_gap,
               "asked for position " + std::to_string(work.position) + ", but there are " +
                   std::to_string(rows) + " rows");
  self->send(store_of(self), AskDone{work.key, work.epoch, true});
}

void answer(Self self, const DeepAsk& work) {
  auto& engine = *self->state.setting.engines.cloud;
  const auto& metrics = *self->state.setting.metrics;
  const auto begun = self->clock().now();
  const auto queued = begun - work.arrived;
  const auto session = session_of(self, work);
  if (!session) return fail(self, work, session.error());
  if (const auto taken = take_in(engine, **session, work); !taken) {
    return fail(self, work, taken.error());
  }
  if ((*session)->length() != work.position) return restart(self, work, (*session)->length());
  if (work.remaining.count() > 0 && queued > work.remaining) {
    metrics.asks[monitoring::CloudAskOutcome::late].Increment();
    answer_fault(self, work.peer, work.key, work.epoch, FaultCode::late,
                 "the ask's deadline had passed before its turn came", work.position);
    self->send(store_of(self), AskDone{work.key, work.epoch, false});
    return;
  }
  const auto reading = read_next(engine, **session);
  if (!reading) return fail(self, work, reading.error());
  transport::Reply reply;
  reply.context = work.key.context;
  reply.epoch = work.epoch;
  reply.position = static_cast<std::uint64_t>(work.position);
  set_reading(reply, *reading);
  const auto computed = self->clock().now() - begun;
  reply.queue_us = micros(queued);
  reply.compute_us = micros(computed);
  reply.next_sequence = reply.position;
  self->send(work.peer, ToPeer{std::move(reply)});
  self->send(store_of(self), AskDone{work.key, work.epoch, false});
  metrics.asks[monitoring::CloudAskOutcome::answered].Increment();
  metrics.tokens.Increment();
  metrics.batch_size.Observe(1);
  metrics.step_time.Observe(monitoring::seconds(computed));
  metrics.queue_time.Observe(monitoring::seconds(queued));
}

void end_stream(Self self, ContextKey key, const context_store_actor& store) {
  self->state.sessions.erase(key);
  self->send(store, GenerateEnded{key});
}

/// Runs `ids` and streams the next token; afterwards others get their turn.
void stream_token(Self self, ContextKey key, std::vector<model::TokenId> ids, bool prompt,
                  const context_store_actor& store) {
  const auto found = self->state.sessions.find(key);
  if (found == self->state.sessions.end()) return;  // dropped meanwhile
  auto& session = *found->second.session;
  auto& stream = *found->second.stream;
  auto& engine = *self->state.setting.engines.whole;
  const auto begun = self->clock().now();
  model::Step step;
  step.session = &session;
  (prompt ? step.prompt_history : step.output_history) = ids;
  step.input = std::move(ids);
  step.read = {engine.stages().size() - 1};
  auto result = run(engine, step);
  if (!result) {
    answer_fault(self, stream.peer, key, stream.request.epoch, fault_code_of(result.error().code),
                 result.error().message);
    end_stream(self, key, store);
    return;
  }
  const auto& reading = result->readings.front();
  transport::Generated token;
  token.context = key.context;
  token.epoch = stream.request.epoch;
  token.index = stream.produced++;
  set_reading(token, reading);
  token.compute_us = micros(self->clock().now() - begun);
  token.last =
      stream.produced >= stream.request.max_tokens ||
      session.length() + 1 >= engine.config().max_positions ||
      (!stream.request.ignore_eos && model::is_end_of_text(engine.config().eos, reading.token));
  self->state.setting.metrics->tokens.Increment();
  stream.last = reading.token;
  const bool last = token.last;
  self->send(stream.peer, ToPeer{std::move(token)});
  if (last) {
    end_stream(self, key, store);
  } else {
    self->send(self, DeepContinue{key, stream.produced, store});
  }
}

void start_stream(Self self, const DeepGenerate& work) {
  auto& engine = *self->state.setting.engines.whole;
  auto session = engine.open(from_wire(work.generate.sampling));
  if (!session) {
    answer_fault(self, work.peer, work.key, work.generate.epoch,
                 fault_code_of(session.error().code), session.error().message);
    self->send(store_of(self), GenerateEnded{work.key});
    return;
  }
  auto& place = self->state.sessions[work.key];
  place.session = std::move(*session);
  place.stream = DeepComputeState::Stream{work.generate, work.peer, 0, 0};
  stream_token(self, work.key, work.generate.prompt, true, store_of(self));
}

}  // namespace

deep_compute_actor::behavior_type deep_compute(Self self, DeepComputeSetting setting) {
  self->state.setting = std::move(setting);
  return {
      [self](const DeepAsk& work) { answer(self, work); },
      [self](const DeepGenerate& work) { start_stream(self, work); },
      [self](const DeepContinue& next) {
        const auto found = self->state.sessions.find(next.key);
        if (found == self->state.sessions.end() || !found->second.stream ||
            found->second.stream->produced != next.index) {
          return;
        }
        stream_token(self, next.key, {found->second.stream->last}, false, next.store);
      },
      [self](const DropSession& drop) { self->state.sessions.erase(drop.key); },
      [self](const GetComputeLevel&) {
        ComputeLevel level;
        level.sessions = self->state.sessions.size();
        for (const auto& [key, session] : self->state.sessions) {
          level.kv_bytes += static_cast<std::uint64_t>(session.session->kv_bytes());
        }
        return level;
      },
  };
}

}  // namespace cecollm::actors
