#pragma once
// Every metric of edge and cloud. Names, help texts and buckets stand in metrics.cpp and nowhere
// else; here are typed handles, resolved once, so that counting costs an atomic addition (a
// histogram: a short lock) and never a look-up or an allocation. Handles are thread-safe.
//
// Names are cecollm_<noun>_<unit>[_total] in base units. Labels are bounded: every series exists
// from the start, at zero. No label ever holds a client, a generation or an address.

#include <cassert>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace cecollm::monitoring {

/// Prometheus's base unit of time.
inline double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// How a generation ended.
enum class GenerationOutcome {
  stop,       // end of text or a stop string
  length,     // max_tokens reached
  cancelled,  // by its client, or at shutdown
  failed,     // an error
  refused,    // as many as the edge may run were running, or it was shutting down
};
std::string_view name_of(GenerationOutcome outcome);

/// What became of a token for which the edge wanted the cloud.
enum class AskOutcome {
  answered,  // the cloud's token was used
  late,      // the deadline passed first
  lost,      // link, cloud or context went away while waiting
  refused,   // a typed fault
  skipped,   // not sent: predicted to be too late, or the link is not trusted
};
std::string_view name_of(AskOutcome outcome);

/// What became of an ask on the cloud's side.
enum class CloudAskOutcome {
  answered,
  late,       // its deadline had passed before its pass began
  faulted,    // answered by a typed fault
  abandoned,  // its context or connection went away first
};
std::string_view name_of(CloudAskOutcome outcome);

/// The series of one metric over one bounded label. Indexed by the label's enum, or by position.
template <class Metric>
class Labelled {
 public:
  explicit Labelled(std::vector<Metric*> series) : series_(std::move(series)) {}
  template <class Index>
  Metric& operator[](Index index) const {
    const auto position = static_cast<std::size_t>(index);
    assert(position < series_.size());
    return *series_[position];
  }
  std::size_t size() const { return series_.size(); }

 private:
  std::vector<Metric*> series_;
};

/// Labels of the two `_info` metrics.
struct NodeInfo {
  std::string version;
  std::string model;        // its directory's name
  std::string digest;       // of the tensors that edge and cloud share
  std::string exit_layers;  // "3,6"
  std::string dtype;
};

struct EdgeLabels {
  NodeInfo node;
  std::vector<int> exit_layers;
  /// In the order of the enums that index EdgeMetrics::mode and ::mode_transitions.
  std::vector<std::string> modes;
  std::vector<std::string> transition_reasons;
};

/// References into `registry`, which outlives this.
struct EdgeMetrics {
  EdgeMetrics(prometheus::Registry& registry, const EdgeLabels& labels);
  /// What concerns requests and their times goes into `requests`, the rest into `registry`: of a
  /// cloud that serves requests itself, where the rest says nothing. Both outlive this.
  EdgeMetrics(prometheus::Registry& requests, prometheus::Registry& registry,
              const EdgeLabels& labels);

  // Generations and tokens
  Labelled<prometheus::Counter> generations;  // by GenerationOutcome
  prometheus::Gauge& generations_active;
  prometheus::Counter& prompt_tokens;
  Labelled<prometheus::Counter> exit_tokens;  // by 0-based exit
  prometheus::Counter& cloud_tokens;
  prometheus::Counter& fallback_tokens;
  Labelled<prometheus::Histogram> exit_confidence;  // by 0-based exit: every reading, taken or not

  prometheus::Histogram& generation_prompt_tokens;
  prometheus::Histogram& generation_output_tokens;

  // Latency, seconds
  prometheus::Histogram& generation_queue;
  prometheus::Histogram& time_to_first_token;
  prometheus::Histogram& inter_token;
  prometheus::Histogram& generation_time;
  prometheus::Histogram& cloud_wait;

  // The cloud as seen from here
  Labelled<prometheus::Counter> asks;              // by AskOutcome
  prometheus::Counter& asks_in_vain;               // made ahead of a token that an exit then gave
  Labelled<prometheus::Gauge> mode;                // 1 for the current mode, else 0: use set_mode
  Labelled<prometheus::Counter> mode_transitions;  // by reason
  prometheus::Gauge& mode_held;                    // 1 or 0
  prometheus::Gauge& link_connected;               // 1 or 0
  prometheus::Gauge& link_rtt;
  prometheus::Gauge& link_goodput;
  prometheus::Counter& heartbeats_missed;
  prometheus::Counter& reconnects;

  // The uplink
  prometheus::Gauge& uplink_queue;
  prometheus::Counter& rows_sent;  // each row once
  prometheus::Counter& rows_acknowledged;
  prometheus::Counter& rows_resent;
  prometheus::Counter& rows_wasted;  // counted when their context is closed
  prometheus::Counter& row_bytes;
  prometheus::Counter& clamped_values;
  prometheus::Counter& sent_bytes;
  prometheus::Counter& received_bytes;

  // Memory
  prometheus::Gauge& kv_bytes;
  prometheus::Gauge& retained_row_bytes;
  prometheus::Gauge& retained_row_budget;

  // Conversations
  prometheus::Gauge& conversations_kept;
  prometheus::Gauge& conversation_bytes;
  prometheus::Counter& conversations_resumed;
  prometheus::Counter& conversations_dropped;
  prometheus::Counter& resumed_rows;

  template <class Mode>
  void set_mode(Mode current) const {
    for (std::size_t i = 0; i < mode.size(); ++i) {
      mode[i].Set(i == static_cast<std::size_t>(current) ? 1.0 : 0.0);
    }
  }
};

struct CloudLabels {
  NodeInfo node;
  /// In the order of the enum that indexes CloudMetrics::faults.
  std::vector<std::string> fault_codes;
};

/// References into `registry`, which outlives this.
struct CloudMetrics {
  CloudMetrics(prometheus::Registry& registry, const CloudLabels& labels);

  prometheus::Gauge& connections;
  prometheus::Gauge& contexts;
  prometheus::Gauge& context_budget;
  prometheus::Gauge& waiting_asks;
  Labelled<prometheus::Counter> asks;  // by CloudAskOutcome
  prometheus::Counter& tokens;         // replies and cloud-only tokens
  prometheus::Counter& rows_received;
  prometheus::Counter& row_bytes_received;
  prometheus::Counter& rows_wasted;
  prometheus::Histogram& batch_size;  // asks per pass
  prometheus::Histogram& step_time;   // seconds
  prometheus::Histogram& queue_time;  // seconds
  prometheus::Gauge& kv_bytes;
  prometheus::Gauge& kv_budget;
  prometheus::Gauge& row_bytes;
  prometheus::Gauge& row_budget;
  prometheus::Counter& evictions;
  prometheus::Counter& contexts_dropped;
  prometheus::Counter& rebuilds;
  prometheus::Counter& rows_ahead;
  Labelled<prometheus::Counter> faults;  // by code
  prometheus::Counter& heartbeats_missed;
  prometheus::Counter& sent_bytes;
  prometheus::Counter& received_bytes;
};

}  // namespace cecollm::monitoring
