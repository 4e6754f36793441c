#include "actors/deep_step.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <span>
#include <utility>

#include "actors/wire_conversion.hpp"
#include "policy/kv_budget.hpp"

namespace cecollm::actors::deep {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using transport::FaultCode;
using TimePoint = caf::actor_clock::time_point;

std::uint32_t micros(caf::actor_clock::duration_type duration) {
  return static_cast<std::uint32_t>(duration_cast<microseconds>(duration).count());
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

void set_kv_bytes(Self self, DeepContext& context, std::int64_t bytes) {
  auto& state = self->state;
  state.kv_bytes += bytes - context.kv_bytes;
  context.kv_bytes = bytes;
  state.setting.metrics->kv_bytes.Set(static_cast<double>(state.kv_bytes));
}

transport::Fault fault_of(ContextKey key, const DeepContext& context, FaultCode code,
                          std::string message) {
  transport::Fault fault;
  fault.code = code;
  fault.message = std::move(message);
  fault.context = key.context;
  fault.epoch = context.epoch;
  return fault;
}

model::Engine& engine_of(Self self, const DeepContext& context) {
  const auto& engines = self->state.setting.engines;
  return context.stream ? *engines.whole : *engines.cloud;
}

/// A context's part of a step.
struct Work {
  ContextKey key;
  std::int64_t rows = 0;
  bool answers = false;
  model::Step step;
};

policy::BatchCandidate candidate_of(ContextKey key, const DeepContext& context) {
  policy::BatchCandidate candidate;
  candidate.client = key.client;
  candidate.arrived = context.last_asked;
  if (context.stream) {
    candidate.asked = true;
    candidate.rows = std::ssize(context.stream->text) - context.computed();
    return candidate;
  }
  candidate.rows = context.rows.count();
  if (!context.ask) return candidate;
  candidate.asked = true;
  candidate.arrived = context.ask->arrived;
  if (context.ask->remaining.count() > 0) {
    candidate.deadline = context.ask->arrived + context.ask->remaining;
  }
  return candidate;
}

/// The busy contexts, less those whose answer would come too late: these are told so.
void gather(Self self, std::vector<ContextKey>& keys,
            std::vector<policy::BatchCandidate>& candidates) {
  auto& state = self->state;
  for (const auto& key : state.busy) {
    keys.push_back(key);
    candidates.push_back(candidate_of(key, state.contexts.at(key)));
  }
  const auto late =
      policy::find_late(self->clock().now(), candidates, state.setting.batch, state.cost);
  for (const auto i : late) {
    auto& context = state.contexts.at(keys[i]);
    refuse_ask(self, keys[i], context, FaultCode::late,
               "the answer could not come before the ask's deadline");
    candidates[i].asked = false;
    if (!is_busy(state, context)) {
      state.busy.erase(keys[i]);
      candidates[i].rows = 0;  // nothing to plan
    }
  }
}

/// Gives up the KV of `key`. A stream's text is here and runs through again like a prompt; other
/// contexts' rows are with the store.
void evict(Self self, ContextKey key) {
  auto& context = self->state.contexts.at(key);
  self->state.setting.metrics->evictions.Increment();
  if (context.stream) {
    const auto& prompt = context.stream->request.prompt;
    const auto& text = context.stream->text;
    set_kv_bytes(self, context, 0);
    context.session.reset();
    context.prompt_history = prompt;
    context.output_history.assign(text.begin() + std::ssize(prompt), text.end());
    context.rebuilding = true;
    return;
  }
  self->send(context.store, SessionEvicted{key, context.epoch});
  if (context.ask) {
    // Its turn comes again with all its rows. The clock of its deadline runs on.
    const auto& ask = *context.ask;
    self->send(context.store,
               AskReturned{key, context.epoch, ask.position, ask.arrived, ask.remaining});
  }
  erase(self, key);
}

/// Makes room for what the works will add to the KV caches; those for which there is none wait for
/// a later step.
void make_room(Self self, std::vector<Work>& works) {
  auto& state = self->state;
  const auto budget = state.setting.kv_budget;
  if (budget == 0) return;
  std::map<ContextKey, std::size_t> turns;
  std::vector<std::int64_t> growth;
  std::int64_t needed = state.kv_bytes;
  for (const auto& work : works) {
    const auto& context = state.contexts.at(work.key);
    const auto after = engine_of(self, context).kv_bytes_at(context.computed() + work.rows);
    growth.push_back(std::max<std::int64_t>(0, after - context.kv_bytes));
    needed += growth.back();
    turns.emplace(work.key, turns.size());
  }
  if (needed <= budget) return;

  std::vector<ContextKey> keys;
  std::vector<policy::KvHolder> holders;
  for (const auto& [key, context] : state.contexts) {
    keys.push_back(key);
    auto& holder = holders.emplace_back();
    holder.bytes = context.kv_bytes;
    holder.last_asked = context.last_asked;
    if (const auto turn = turns.find(key); turn != turns.end()) {
      holder.turn = turn->second;
      holder.growth = growth[turn->second];
    }
  }
  const auto fit = policy::fit_step(holders, budget);
  for (const auto i : fit.evicted) evict(self, keys[i]);
  if (fit.turns == 0) {
    break_off(self, works.front().key, FaultCode::limit,
              "this context does not fit into the cloud's " + std::to_string(budget) +
                  " bytes of KV cache");
  }
  works.resize(fit.turns);
}

/// Opens the session where there is none yet, and takes the rows or ids of this step.
bool prepare(Self self, Work& work) {
  auto& context = self->state.contexts.at(work.key);
  auto& engine = engine_of(self, context);
  if (!context.session) {
    auto opened = engine.open(context.sampling);
    if (!opened) {
      break_off(self, work.key, fault_code_of(opened.error().code), opened.error().message);
      return false;
    }
    context.session = std::move(*opened);
    if (std::exchange(context.rebuilding, false)) {
      self->state.setting.metrics->rebuilds.Increment();
    }
  }
  auto& step = work.step;
  step.session = context.session.get();
  step.catch_up = true;
  step.prompt_history = std::exchange(context.prompt_history, {});
  step.output_history = std::exchange(context.output_history, {});
  if (context.stream) {
    const auto next = context.stream->text.begin() + context.computed();
    step.input = std::vector(next, next + work.rows);
  } else if (work.rows > 0) {
    step.input = context.rows.take(work.rows);
  }
  if (work.answers) step.read = {engine.stages().size() - 1};
  return true;
}

/// What a step took, for those that it answered.
struct Timing {
  TimePoint begun;
  caf::actor_clock::duration_type took{};
};

void answer_ask(Self self, ContextKey key, DeepContext& context, const model::Reading& reading,
                const Timing& timing) {
  const auto& metrics = *self->state.setting.metrics;
  const auto queued = timing.begun - context.ask->arrived;
  transport::Reply reply;
  reply.context = key.context;
  reply.epoch = context.epoch;
  reply.position = static_cast<std::uint64_t>(context.ask->position);
  set_reading(reply, reading);
  reply.queue_us = micros(queued);
  reply.compute_us = micros(timing.took);
  reply.next_sequence = reply.position;
  const AskDone done{key, context.epoch, context.ask->position};
  context.ask.reset();
  --self->state.asks_waiting;
  self->send(context.peer, ToPeer{std::move(reply)});
  self->send(context.store, done);
  metrics.asks[monitoring::CloudAskOutcome::answered].Increment();
  metrics.tokens.Increment();
  metrics.queue_time.Observe(monitoring::seconds(queued));
}

void stream_token(Self self, ContextKey key, DeepContext& context, const model::Reading& reading,
                  const Timing& timing) {
  auto& stream = *context.stream;
  const auto& engine = engine_of(self, context);
  transport::Generated token;
  token.context = key.context;
  token.epoch = context.epoch;
  token.index = stream.produced++;
  set_reading(token, reading);
  token.compute_us = micros(timing.took);
  token.last =
      stream.produced >= stream.request.max_tokens ||
      context.session->length() + 1 >= engine.config().max_positions ||
      (!stream.request.ignore_eos && model::is_end_of_text(engine.config().eos, reading.token));
  self->state.setting.metrics->tokens.Increment();
  const bool last = token.last;
  self->send(context.peer, ToPeer{std::move(token)});
  if (last) {
    self->send(context.store, GenerateEnded{key});
    erase(self, key);
    return;
  }
  context.last_asked = self->clock().now();
  context.output_history.push_back(reading.token);
  stream.text.push_back(reading.token);
}

/// One pass of `engine` over those works that are its own.
void run_pass(Self self, model::Engine& engine, std::span<Work*> works) {
  if (works.empty()) return;
  auto& state = self->state;
  std::vector<model::Step> steps;
  steps.reserve(works.size());
  std::int64_t rows = 0;
  std::size_t answers = 0;
  for (auto* work : works) {
    rows += std::max<std::int64_t>(1, work->rows);
    answers += work->answers ? 1 : 0;
    steps.push_back(std::move(work->step));
  }
  Timing timing{self->clock().now(), {}};
  const auto results = engine.run(steps);
  timing.took = self->clock().now() - timing.begun;
  state.cost.on_step(rows, timing.took);
  const auto& metrics = *state.setting.metrics;
  metrics.step_time.Observe(monitoring::seconds(timing.took));
  if (answers > 0) metrics.batch_size.Observe(static_cast<double>(answers));
  for (std::size_t i = 0; i < works.size(); ++i) {
    const auto& work = *works[i];
    auto& context = state.contexts.at(work.key);
    if (!results[i]) {
      const auto& error = results[i].error();
      break_off(self, work.key, fault_code_of(error.code), error.message);
      continue;
    }
    set_kv_bytes(self, context, context.session->kv_bytes());
    if (!work.answers) {
      if (!context.ask && !context.stream) {
        metrics.rows_ahead.Increment(static_cast<double>(work.rows));
      }
      continue;
    }
    const auto& reading = results[i]->readings.front();
    if (context.stream) {
      stream_token(self, work.key, context, reading, timing);
    } else {
      answer_ask(self, work.key, context, reading, timing);
    }
  }
}

}  // namespace

bool is_busy(const DeepComputeState& state, const DeepContext& context) {
  return context.stream || context.ask || (state.setting.run_ahead && context.rows.count() > 0);
}

void erase(Self self, ContextKey key) {
  auto& state = self->state;
  const auto found = state.contexts.find(key);
  if (found == state.contexts.end()) return;
  set_kv_bytes(self, found->second, 0);
  if (found->second.ask) --state.asks_waiting;
  state.contexts.erase(found);
  state.busy.erase(key);
}

void restart(Self self, ContextKey key, DeepContext& context, std::int64_t rows,
             const model::SamplingParams& sampling) {
  context.sampling = sampling;
  context.prompt_history.clear();
  context.output_history.clear();
  if (context.known_rows() > rows) {
    // Rows in the middle of what waits, or nothing computed yet: they come again.
    if (!context.session || context.computed() < rows) {
      erase(self, key);
      return;
    }
    context.rows = {};
    context.session->truncate(rows);
    set_kv_bytes(self, context, context.session->kv_bytes());
  }
  if (context.session && !context.session->restart(sampling)) {
    erase(self, key);  // the next ask hears why
    return;
  }
  if (!is_busy(self->state, context)) self->state.busy.erase(key);
}

void refuse_ask(Self self, ContextKey key, DeepContext& context, FaultCode code,
                std::string message, std::uint32_t retry_after_ms) {
  auto fault = fault_of(key, context, code, std::move(message));
  fault.retry_after_ms = retry_after_ms;
  fault.position = static_cast<std::uint64_t>(context.ask->position);
  self->send(context.peer, ToPeer{std::move(fault)});
  self->send(context.store, AskDone{key, context.epoch});
  context.ask.reset();
  --self->state.asks_waiting;
  const auto outcome = code == FaultCode::late ? monitoring::CloudAskOutcome::late
                                               : monitoring::CloudAskOutcome::faulted;
  self->state.setting.metrics->asks[outcome].Increment();
}

void break_off(Self self, ContextKey key, FaultCode code, std::string message) {
  const auto& context = self->state.contexts.at(key);
  if (context.ask) {
    self->state.setting.metrics->asks[monitoring::CloudAskOutcome::faulted].Increment();
    // The loss of an ask does not drop a context whose epoch has moved on.
    self->send(context.store, AskDone{key, context.epoch});
  }
  self->send(context.peer, ToPeer{fault_of(key, context, code, std::move(message))});
  if (context.stream) {
    self->send(context.store, GenerateEnded{key});
  } else {
    self->send(context.store, SessionLost{key, context.epoch});
  }
  erase(self, key);
}

void run_step(Self self) {
  auto& state = self->state;
  std::vector<ContextKey> keys;
  std::vector<policy::BatchCandidate> candidates;
  gather(self, keys, candidates);
  std::vector<Work> works;
  for (const auto& share : policy::plan_batch(candidates, state.setting.batch)) {
    works.push_back({keys[share.candidate], share.rows, share.answers, {}});
  }
  if (works.empty()) return;
  make_room(self, works);
  std::erase_if(works, [&](Work& work) { return !prepare(self, work); });
  std::vector<Work*> with_rows;
  std::vector<Work*> with_ids;
  for (auto& work : works) {
    (state.contexts.at(work.key).stream ? with_ids : with_rows).push_back(&work);
  }
  run_pass(self, *state.setting.engines.cloud, with_rows);
  if (!with_ids.empty()) run_pass(self, *state.setting.engines.whole, with_ids);
  for (const auto& work : works) {
    const auto found = state.contexts.find(work.key);
    if (found != state.contexts.end() && !is_busy(state, found->second)) {
      state.busy.erase(work.key);
    }
  }
}

}  // namespace cecollm::actors::deep
