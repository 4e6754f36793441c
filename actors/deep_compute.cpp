#include "actors/deep_compute.hpp"

#include <chrono>
#include <utility>

#include "actors/deep_step.hpp"
#include "actors/wire_conversion.hpp"

namespace cecollm::actors {
namespace {

using transport::FaultCode;

/// Work arrives from the context store, and reports go back to it.
context_store_actor store_of(deep::Self self) {
  return caf::actor_cast<context_store_actor>(self->current_sender());
}

/// Notes that the context has something to compute. The step comes behind everything that has
/// arrived by now.
void wake(deep::Self self, ContextKey key, const DeepContext& context) {
  auto& state = self->state;
  if (!deep::is_busy(state, context)) return;
  state.busy.insert(key);
  if (!std::exchange(state.step_due, true)) self->send(self, RunStep{});
}

void append(std::vector<model::TokenId>& to, const std::vector<model::TokenId>& ids) {
  to.insert(to.end(), ids.begin(), ids.end());
}

/// A newer ask of the same context: nobody waits for the older one any more.
void supersede(deep::Self self, ContextKey key, DeepContext& context) {
  if (!context.ask) return;
  context.ask.reset();
  --self->state.asks_waiting;
  self->state.setting.metrics->asks[monitoring::CloudAskOutcome::abandoned].Increment();
  self->send(context.store, AskDone{key, context.epoch});
}

void show_waiting(const DeepComputeState& state) {
  state.setting.metrics->waiting_asks.Set(static_cast<double>(state.asks_waiting));
}

void take_ask(deep::Self self, DeepAsk& work) {
  auto& state = self->state;
  const auto store = store_of(self);
  if (const auto found = state.contexts.find(work.key); found != state.contexts.end()) {
    supersede(self, work.key, found->second);
    // All rows from the first on: whatever else is here of the context is older.
    if (work.first_row == 0) deep::erase(self, work.key);
  }
  auto& context = state.contexts[work.key];
  if (context.known_rows() != work.first_row) {
    // Its KV was given up while the ask was on its way: all rows are needed again.
    deep::erase(self, work.key);
    self->send(store,
               AskReturned{work.key, work.epoch, work.position, work.arrived, work.remaining});
    return;
  }
  context.epoch = work.epoch;
  context.peer = work.peer;
  context.store = store;
  context.sampling = work.sampling;
  context.last_asked = self->clock().now();
  context.rebuilding = context.rebuilding || work.rebuilds;
  append(context.prompt_history, work.prompt_history);
  append(context.output_history, work.output_history);
  for (auto& rows : work.rows) context.rows.push(std::move(rows));
  context.ask = WaitingAsk{work.position, work.arrived, work.remaining};
  ++state.asks_waiting;
  if (context.known_rows() != work.position) {
    deep::break_off(self, work.key, FaultCode::sequence_gap,
                    "asked for position " + std::to_string(work.position) + ", but there are " +
                        std::to_string(context.known_rows()) + " rows");
    return;
  }
  if (state.asks_waiting > state.setting.max_waiting) {
    const auto wait = policy::retry_after(state.asks_waiting, state.setting.batch, state.cost);
    deep::refuse_ask(
        self, work.key, context, FaultCode::overloaded,
        std::to_string(state.setting.max_waiting) + " asks are waiting already",
        static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
  }
  wake(self, work.key, context);
}

void take_rows(deep::Self self, const DeepRows& work) {
  const auto found = self->state.contexts.find(work.key);
  // What does not fit comes again with the next ask, from the first row on.
  if (found == self->state.contexts.end()) return;
  auto& context = found->second;
  if (context.known_rows() != work.first_row) return;
  context.rows.push(work.rows);
  wake(self, work.key, context);
}

void start_stream(deep::Self self, const DeepGenerate& work) {
  deep::erase(self, work.key);
  auto& context = self->state.contexts[work.key];
  context.epoch = work.generate.epoch;
  context.peer = work.peer;
  context.store = store_of(self);
  context.sampling = from_wire(work.generate.sampling);
  context.last_asked = self->clock().now();
  context.prompt_history = work.generate.prompt;
  context.stream = DeepStream{work.generate, work.generate.prompt, 0};
  wake(self, work.key, context);
}

}  // namespace

deep_compute_actor::behavior_type deep_compute(deep::Self self, DeepComputeSetting setting) {
  self->state.setting = std::move(setting);
  self->state.setting.metrics->kv_budget.Set(static_cast<double>(self->state.setting.kv_budget));
  return {
      [self](DeepAsk& work) {
        take_ask(self, work);
        show_waiting(self->state);
      },
      [self](const DeepRows& work) { take_rows(self, work); },
      [self](const DeepGenerate& work) { start_stream(self, work); },
      [self](const RestartSession& restart) {
        auto& state = self->state;
        const auto found = state.contexts.find(restart.key);
        if (found == state.contexts.end()) return;  // the next ask brings all rows
        supersede(self, restart.key, found->second);
        deep::restart(self, restart.key, found->second, restart.rows, restart.sampling);
        show_waiting(state);
      },
      [self](const RunStep&) {
        auto& state = self->state;
        deep::run_step(self);
        show_waiting(state);
        // Behind what arrived meanwhile, so that it can take part.
        state.step_due = !state.busy.empty();
        if (state.step_due) self->send(self, RunStep{});
      },
      [self](const DropSession& drop) {
        const auto& state = self->state;
        const auto found = state.contexts.find(drop.key);
        if (found != state.contexts.end() && found->second.ask) {
          state.setting.metrics->asks[monitoring::CloudAskOutcome::abandoned].Increment();
        }
        deep::erase(self, drop.key);
        show_waiting(state);
      },
      [self](const GetComputeLevel&) {
        const auto& state = self->state;
        return ComputeLevel{state.contexts.size(), static_cast<std::uint64_t>(state.kv_bytes),
                            state.asks_waiting};
      },
  };
}

}  // namespace cecollm::actors
