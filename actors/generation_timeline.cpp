#include "actors/generation_timeline.hpp"

#include <algorithm>

namespace cecollm::actors {

using monitoring::TraceTrack;
using std::chrono::nanoseconds;

void GenerationTimeline::tokenized(TimePoint begin, TimePoint end, std::size_t tokens) {
  trace_->span(TraceTrack::generation, "tokenize", begin, end, {{"tokens", tokens}});
  token_began_ = end;
}

void GenerationTimeline::asked(TimePoint begin, TimePoint end, std::int64_t position,
                               const AskEnd& ask) {
  trace_->span(TraceTrack::generation, "ask", begin, end,
               {{"position", position},
                {"outcome", monitoring::name_of(ask.outcome)},
                {"cloud_queue_us", ask.queue.count()},
                {"cloud_compute_us", ask.compute.count()}});
  if (ask.outcome != monitoring::AskOutcome::answered) return;
  // The clouds' clocks are not ours. What it does not account for was spent on the link: as much
  // before as behind is as good a guess as any. Its own figures are rounded.
  const nanoseconds wait = end - begin;
  const auto compute = std::min<nanoseconds>(ask.compute, wait);
  const auto queue = std::min<nanoseconds>(ask.queue, wait - compute);
  const auto arrived = begin + (wait - queue - compute) / 2;
  trace_->span(TraceTrack::cloud, "queue", arrived, arrived + queue, {{"position", position}});
  trace_->span(TraceTrack::cloud, "deep layers", arrived + queue, arrived + queue + compute,
               {{"position", position}});
}

void GenerationTimeline::generated_on_cloud(TimePoint now, std::chrono::microseconds compute) {
  // Drawn as late as it can have been; tokens may arrive closer together than they were computed.
  const auto begin = std::max<TimePoint>(now - compute, std::max(cloud_free_, token_began_));
  trace_->span(TraceTrack::cloud, "whole model", begin, now,
               {{"cloud_compute_us", compute.count()}});
  cloud_free_ = now;
}

void GenerationTimeline::emitted(TimePoint now, const TokenEvent& token) {
  const auto source = name_of(token.source);
  trace_->span(TraceTrack::generation, "token", token_began_, now,
               {{"index", token.index}, {"source", source}, {"confidence", token.confidence}});
  trace_->mark(TraceTrack::generation, "emit", now, {{"index", token.index}});
  token_began_ = now;
}

void GenerationTimeline::mode_switched(TimePoint now, const ModeSwitch& change) {
  trace_->mark(TraceTrack::generation, "mode", now,
               {{"to", policy::name_of(change.mode)}, {"reason", policy::name_of(change.reason)}});
}

void GenerationTimeline::finished(TimePoint begin, const GenerationFinished& end) {
  trace_->finish(begin, begin + end.total,
                 {{"mode", policy::name_of(end.mode)},
                  {"finish_reason", name_of(end.reason)},
                  {"prompt_tokens", end.prompt_tokens},
                  {"completion_tokens", end.completion_tokens},
                  {"rows_up", end.upload.rows_up},
                  {"bytes_up", end.upload.bytes_up}});
}

}  // namespace cecollm::actors
