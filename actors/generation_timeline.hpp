#pragma once
// What a generation adds to its own timeline (monitoring/generation_trace.hpp), beside the actors
// that work for it. Does nothing, at the cost of one comparison, where no timeline is wanted.

#include <memory>

#include <caf/all.hpp>

#include "actors/generation_types.hpp"
#include "monitoring/generation_trace.hpp"

namespace cecollm::actors {

class GenerationTimeline {
 public:
  using TimePoint = caf::actor_clock::time_point;

  GenerationTimeline() = default;
  explicit GenerationTimeline(std::shared_ptr<monitoring::GenerationTrace> trace)
      : trace_(std::move(trace)) {}
  explicit operator bool() const { return trace_ != nullptr; }
  const std::shared_ptr<monitoring::GenerationTrace>& trace() const { return trace_; }

  /// From the request's arrival on; at its end the wait for the first token begins.
  void tokenized(TimePoint begin, TimePoint end, std::size_t tokens);
  /// The wait for the cloud is over, well or badly: before its token is emitted.
  void asked(TimePoint begin, TimePoint end, std::int64_t position, const AskEnd& ask);
  /// A token of a cloud that runs everything has come.
  void generated_on_cloud(TimePoint now, std::chrono::microseconds compute);
  void emitted(TimePoint now, const TokenEvent& token);
  void mode_switched(TimePoint now, const ModeSwitch& change);
  void finished(TimePoint begin, const GenerationFinished& end);

 private:
  std::shared_ptr<monitoring::GenerationTrace> trace_;
  TimePoint token_began_;
  TimePoint cloud_free_;  // the end of the cloud's last span
};

}  // namespace cecollm::actors
