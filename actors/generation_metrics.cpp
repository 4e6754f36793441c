#include "actors/generation_metrics.hpp"

#include <chrono>

namespace cecollm::actors {
namespace {

double in_milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

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
  metrics.generation_prompt_tokens.Observe(static_cast<double>(end.prompt_tokens));
  metrics.generation_output_tokens.Observe(static_cast<double>(end.completion_tokens));
  metrics.clamped_values.Increment(static_cast<double>(end.values_clamped));
}

void log_generation(const monitoring::Logger& logger, monitoring::LogLevel level,
                    const GenerationFinished& end) {
  if (end.reason == FinishReason::failed) {
    logger.warning("generation failed", {{"why", end.error}, {"user_error", end.user_error}});
    return;
  }
  logger.log(level, "generation ended",
             {{"finish_reason", name_of(end.reason)},
              {"mode", policy::name_of(end.mode)},
              {"prompt_tokens", end.prompt_tokens},
              {"tokens", end.completion_tokens},
              {"tokens_cloud", end.counts.cloud()},
              {"tokens_fallback", end.counts.fallback()},
              {"ttft_ms", in_milliseconds(end.time_to_first_token)},
              {"total_ms", in_milliseconds(end.total)},
              {"cloud_wait_ms", in_milliseconds(end.cloud_wait)},
              {"rows_up", end.upload.rows_up},
              {"rows_resent", end.upload.rows_resent},
              {"bytes_up", end.upload.bytes_up}});
}

}  // namespace cecollm::actors
