#pragma once
// A fault schedule in words, for whoever has to understand a failure.

#include <chrono>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/fault_schedule.hpp"

namespace cecollm::tests {

inline void describe(std::ostream& text, const FaultSchedule::Generation& generation) {
  const auto& [at, edge, request, departure, turns] = generation;
  text << "\n  " << policy::name_of(request.mode) << " generation at " << at.count()
       << " us on edge " << edge << ": prompt of "
       << std::get<std::vector<model::TokenId>>(request.prompt).size() << ", thresholds";
  for (const auto threshold : request.thresholds.values) text << ' ' << threshold;
  text << ", " << request.max_tokens << " tokens" << (request.ignore_eos ? "" : " or to the end")
       << ", deadlines " << request.first_token_deadline.count() << " and "
       << request.token_deadline.count() << " ms, temperature " << request.sampling.temperature
       << (request.sampling.has_penalties() ? ", penalties" : "");
  if (turns > 1) text << ", " << turns << " turns";
  if (!departure) return;
  text << (departure->hangs_up ? "; hangs up" : "; cancelled") << " after ";
  if (departure->after_tokens) {
    text << *departure->after_tokens << " tokens";
  } else {
    text << departure->after.count() << " us";
  }
}

inline void describe(std::ostream& text, const Fault& fault) {
  text << "\n  " << fault_names[static_cast<std::size_t>(fault.kind)];
  if (fault.edge) text << " of edge " << *fault.edge;
  if (fault.cloud) text << " of cloud " << *fault.cloud;
  if (fault.after_tokens) {
    text << " after " << *fault.after_tokens << " tokens";
  } else {
    text << " at " << fault.at.count() << " us";
  }
  if (fault.kind != Fault::Kind::reload) {
    text << " for " << fault.lasts.count() << " us";
    return;
  }
  const auto& settings = fault.settings;
  text << ": " << (settings.adaptive ? "adaptive, preferably " : "held ")
       << policy::name_of(settings.mode.preferred) << ", thresholds";
  for (const auto threshold : settings.thresholds.values) text << ' ' << threshold;
  text << ", deadlines " << settings.first_token_deadline.count() << " and "
       << settings.token_deadline.count() << " ms";
}

inline std::string describe(const FaultSchedule& schedule) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  std::ostringstream text;
  const auto& options = schedule.options;
  text << "fault schedule " << schedule.seed << ": " << options.edges << " edges, "
       << options.clouds << " clouds, exits";
  for (const auto layer : options.model.config.exits->layers) text << ' ' << layer;
  text << ", " << options.model.codec->name() << ", link " << schedule.link << ", batch "
       << options.max_batch_bytes << ", window " << options.window_bytes << ", acknowledged "
       << options.acknowledge_bytes << " bytes, passes of " << options.edge_pass.count() << " and "
       << options.cloud_pass.count() << " us, KV of " << options.kv_positions
       << " positions, back-off from "
       << duration_cast<microseconds>(options.reconnect.initial).count() << " us, return after "
       << duration_cast<microseconds>(options.reconnect.failback_after).count() << " us, heartbeat "
       << options.heartbeat.count() << " ms, ttl " << options.context_ttl.count() << " ms, grace "
       << options.grace_time.count() << " ms, sweep " << options.sweep_interval.count() << " ms, "
       << (options.adaptive ? "adaptive, preferably " : "held ")
       << policy::name_of(options.mode.preferred);
  if (const auto& kept = options.conversations; kept.max_kept > 0) {
    text << ", " << kept.max_kept << " conversations of " << kept.max_bytes << " bytes for "
         << kept.ttl.count() << " ms" << (options.cloud_resumes ? "" : ", new to the clouds");
  }
  for (const auto& generation : schedule.generations) describe(text, generation);
  for (const auto& fault : schedule.faults) describe(text, fault);
  return text.str();
}

}  // namespace cecollm::tests
