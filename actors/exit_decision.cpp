#include "actors/exit_decision.hpp"

namespace cecollm::actors {
namespace {

void learn(policy::AskForecast& forecast, ExitDecisionState::Generation& generation, bool asked) {
  for (const auto& [exit, confidence] : std::exchange(generation.unsure, {})) {
    forecast.learn(confidence, exit, generation.thresholds, asked);
  }
}

}  // namespace

exit_decision_actor::behavior_type exit_decision(
    exit_decision_actor::stateful_pointer<ExitDecisionState> self,
    monitoring::EdgeMetrics* metrics) {
  self->state.metrics = metrics;
  return {
      [self](const BeginDecisions& begin) {
        self->state.generations[begin.generation] = {
            begin.thresholds, begin.reply_to, begin.foretell, begin.trace, {}};
      },
      [self](const ExitRead& read) {
        const auto found = self->state.generations.find(read.generation);
        if (found == self->state.generations.end()) return;  // ended while its layers ran
        auto& generation = found->second;
        auto& forecast = self->state.forecast;
        const auto& thresholds = generation.thresholds;
        const auto& reply_to = generation.reply_to;
        const auto& trace = generation.trace;
        const auto begun = trace ? self->clock().now() : caf::actor_clock::time_point{};
        const policy::Confidence confidence{read.reading.confidence};
        self->state.metrics->exit_confidence[read.exit].Observe(confidence.max_probability);
        const auto verdict = policy::decide_exit(confidence, read.exit, thresholds);
        if (trace) {
          trace->span(monitoring::TraceTrack::exit_decision, policy::name_of(verdict), begun,
                      self->clock().now(),
                      {{"exit", read.exit + 1},
                       {"position", read.position},
                       {"confidence", confidence.max_probability},
                       {"threshold", thresholds.values.at(read.exit)}});
        }
        switch (verdict) {
          case policy::ExitVerdict::emit:
            learn(forecast, generation, false);
            self->send(reply_to, ExitTaken{read.position, read.exit, read.reading});
            break;
          case policy::ExitVerdict::deeper:
            // Back to whoever read this exit: the two actors need not know each other in advance.
            self->send(caf::actor_cast<shallow_compute_actor>(self->current_sender()),
                       Deepen{read.generation, read.exit + 1});
            generation.unsure.emplace_back(read.exit, confidence);
            if (generation.foretell && forecast.likely(confidence, read.exit, thresholds)) {
              self->send(reply_to, AskLikely{read.position});
            }
            break;
          case policy::ExitVerdict::not_sure:
            learn(forecast, generation, true);
            self->send(reply_to, NoExitSure{read.position, read.exit, read.reading});
            break;
        }
      },
      [self](const EndDecisions& end) { self->state.generations.erase(end.generation); },
  };
}

}  // namespace cecollm::actors
