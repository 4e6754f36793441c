#include "actors/generation_metrics.hpp"

namespace cecollm::actors {
namespace {

monitoring::GenerationOutcome outcome_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::end_of_text:
    case FinishReason::stop_string:
      return monitoring::GenerationOutcome::stop;
    case FinishReason::length:
      return monitoring::GenerationOutcome::length;
    case FinishReason::cancelled:
      return monitoring::GenerationOutcome::cancelled;
    case FinishReason::failed:
      break;
  }
  return monitoring::GenerationOutcome::failed;
}

}  // namespace

void count_token(const monitoring::EdgeMetrics& metrics, const policy::Source& source) {
  switch (source.kind) {
    case policy::Source::Kind::exit:
      metrics.exit_tokens[source.exit].Increment();
      break;
    case policy::Source::Kind::cloud:
      metrics.cloud_tokens.Increment();
      break;
    case policy::Source::Kind::fallback:
      metrics.fallback_tokens.Increment();
      break;
    case policy::Source::Kind::full:
      break;  // one process: there is no edge to count for
  }
}

void count_generation(const monitoring::EdgeMetrics& metrics, const GenerationFinished& end) {
  metrics.generations[outcome_of(end.reason)].Increment();
  metrics.generations_active.Decrement();
  metrics.generation_time.Observe(monitoring::seconds(end.total));
  metrics.prompt_tokens.Increment(static_cast<double>(end.prompt_tokens));
  metrics.clamped_values.Increment(static_cast<double>(end.values_clamped));
}

}  // namespace cecollm::actors
