#include "monitoring/metrics.hpp"

#include "monitoring/metric_building.hpp"

namespace cecollm::monitoring {
namespace {

using prometheus::Counter;
using prometheus::Histogram;
using prometheus::Labels;
using prometheus::Registry;

Labels exit_labels(std::size_t exit, int layer) {
  return {{"source", "exit" + std::to_string(exit + 1)}, {"layer", std::to_string(layer)}};
}

constexpr const char* tokens_name = "cecollm_tokens_total";
constexpr const char* tokens_help =
    "Tokens emitted on the edge, by where they were decided: exit1, exit2, ..., cloud, or fallback "
    "where the cloud was late or gone.";

Labelled<Counter> exit_token_counters(Registry& registry, const std::vector<int>& layers) {
  std::vector<Counter*> series;
  series.reserve(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    series.push_back(&counter(registry, tokens_name, tokens_help, exit_labels(i, layers[i])));
  }
  return Labelled<Counter>(std::move(series));
}

Labelled<Histogram> confidence_histograms(Registry& registry, const std::vector<int>& layers) {
  std::vector<Histogram*> series;
  series.reserve(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    series.push_back(&histogram(registry, "cecollm_exit_confidence_ratio",
                                "Confidence of each reading of an exit, whether or not the exit "
                                "gave the token.",
                                confidence_buckets, exit_labels(i, layers[i])));
  }
  return Labelled<Histogram>(std::move(series));
}

}  // namespace

std::string_view name_of(GenerationOutcome outcome) {
  switch (outcome) {
    case GenerationOutcome::stop:
      return "stop";
    case GenerationOutcome::length:
      return "length";
    case GenerationOutcome::cancelled:
      return "cancelled";
    case GenerationOutcome::failed:
      return "failed";
    case GenerationOutcome::refused:
      return "refused";
  }
  return "unknown";
}

std::string_view name_of(AskOutcome outcome) {
  switch (outcome) {
    case AskOutcome::answered:
      return "answered";
    case AskOutcome::late:
      return "late";
    case AskOutcome::lost:
      return "lost";
    case AskOutcome::refused:
      return "refused";
    case AskOutcome::skipped:
      return "skipped";
  }
  return "unknown";
}

std::string_view name_of(CloudAskOutcome outcome) {
  switch (outcome) {
    case CloudAskOutcome::answered:
      return "answered";
    case CloudAskOutcome::late:
      return "late";
    case CloudAskOutcome::faulted:
      return "faulted";
    case CloudAskOutcome::abandoned:
      return "abandoned";
  }
  return "unknown";
}

EdgeMetrics::EdgeMetrics(Registry& registry, const EdgeLabels& labels)
    : EdgeMetrics(registry, registry, labels) {}

EdgeMetrics::EdgeMetrics(Registry& requests, Registry& registry, const EdgeLabels& labels)
    : generations(counters(requests, "cecollm_generations_total",
                           "Requests for a generation, by how they ended.", "outcome",
                           names_up_to(GenerationOutcome::refused))),
      generations_active(
          gauge(requests, "cecollm_active_generations", "Generations running here.")),
      prompt_tokens(counter(requests, "cecollm_prompt_tokens_total",
                            "Prompt tokens of all generations started.")),
      exit_tokens(exit_token_counters(registry, labels.exit_layers)),
      cloud_tokens(counter(registry, tokens_name, tokens_help, {{"source", "cloud"}})),
      fallback_tokens(counter(registry, tokens_name, tokens_help, {{"source", "fallback"}})),
      exit_confidence(confidence_histograms(registry, labels.exit_layers)),
      generation_prompt_tokens(histogram(requests, "cecollm_generation_prompt_tokens",
                                         "Prompt tokens of each finished generation.",
                                         token_buckets)),
      generation_output_tokens(histogram(requests, "cecollm_generation_output_tokens",
                                         "Tokens emitted by each finished generation.",
                                         token_buckets)),
      generation_queue(histogram(requests, "cecollm_generation_queue_seconds",
                                 "From a request's arrival to its first step.", latency_buckets)),
      time_to_first_token(histogram(requests, "cecollm_time_to_first_token_seconds",
                                    "From a request's arrival to its first token.",
                                    latency_buckets)),
      inter_token(histogram(requests, "cecollm_inter_token_seconds",
                            "Between two tokens of a generation.", latency_buckets)),
      generation_time(histogram(requests, "cecollm_generation_seconds",
                                "From a request's arrival to its end.", latency_buckets)),
      cloud_wait(histogram(registry, "cecollm_cloud_wait_seconds",
                           "How long a token waited for the cloud, answered or not.",
                           latency_buckets)),
      asks(counters(registry, "cecollm_asks_total",
                    "Tokens for which the edge wanted the cloud, by what became of them.",
                    "outcome", names_up_to(AskOutcome::skipped))),
      asks_in_vain(counter(registry, "cecollm_asks_in_vain_total",
                           "Asks made while later layers ran, for tokens that their exit gave.")),
      mode(gauges(registry, "cecollm_mode",
                  "1 for the current mode of this edge, 0 for the others.", "mode", labels.modes)),
      mode_transitions(counters(registry, "cecollm_mode_transitions_total",
                                "Changes of mode, by reason.", "reason",
                                labels.transition_reasons)),
      mode_held(gauge(registry, "cecollm_mode_held",
                      "1 while settings or an order hold the mode whatever the link does, else "
                      "0.")),
      link_connected(gauge(registry, "cecollm_link_connected",
                           "1 while a cloud is connected and has accepted this edge, else 0.")),
      link_rtt(gauge(registry, "cecollm_link_rtt_seconds",
                     "Round-trip time to the cloud that decisions use: the median of the last "
                     "samples.")),
      link_goodput(gauge(registry, "cecollm_link_goodput_bytes_per_second",
                         "Upload rate seen in acknowledged rows.")),
      heartbeats_missed(counter(registry, "cecollm_heartbeats_missed_total",
                                "Pings that no pong answered in time.")),
      reconnects(counter(registry, "cecollm_reconnects_total",
                         "Connections to a cloud made after the first.")),
      uplink_queue(gauge(registry, "cecollm_uplink_queue_bytes",
                         "Bytes of rows that wait to be sent, or whose arrival the cloud has not "
                         "confirmed yet.")),
      rows_sent(counter(registry, "cecollm_rows_sent_total",
                        "Rows sent to the cloud for the first time.")),
      rows_acknowledged(counter(registry, "cecollm_rows_acknowledged_total",
                                "Rows that the cloud has acknowledged.")),
      rows_resent(counter(registry, "cecollm_rows_resent_total",
                          "Rows sent again, to a cloud that did not have them any more.")),
      rows_wasted(counter(registry, "cecollm_rows_wasted_total",
                          "Rows sent that no answer of the cloud ever used.")),
      row_bytes(counter(registry, "cecollm_row_bytes_total",
                        "Bytes of row payload sent, without framing.")),
      clamped_values(counter(registry, "cecollm_clamped_values_total",
                             "Values of rows beyond the range of the row's dtype, clamped.")),
      sent_bytes(counter(registry, "cecollm_sent_bytes_total",
                         "Bytes of frames sent to the cloud, before TLS.")),
      received_bytes(counter(registry, "cecollm_received_bytes_total",
                             "Bytes of frames received from the cloud, before TLS.")),
      kv_bytes(gauge(registry, "cecollm_kv_bytes", "KV caches held on this edge.")),
      retained_row_bytes(gauge(registry, "cecollm_retained_row_bytes",
                               "Rows kept on this edge to bring a cloud up to date.")),
      retained_row_budget(gauge(registry, "cecollm_retained_row_budget_bytes",
                                "Bound on the rows kept; 0 without a cloud.")),
      conversations_kept(gauge(registry, "cecollm_conversations",
                               "Finished generations that are kept for a request that goes on "
                               "with their text.")),
      conversation_bytes(gauge(registry, "cecollm_conversation_bytes",
                               "KV caches and rows of the conversations kept.")),
      conversations_resumed(counter(registry, "cecollm_conversations_resumed_total",
                                    "Generations that went on with a kept conversation.")),
      conversations_dropped(counter(registry, "cecollm_conversations_dropped_total",
                                    "Conversations given up: nobody went on with them in time, or "
                                    "others needed their room.")),
      resumed_rows(counter(registry, "cecollm_resumed_rows_total",
                           "Positions of prompts that were neither computed nor sent again.")) {
  publish_info(registry, "edge", labels.node);
}

CloudMetrics::CloudMetrics(Registry& registry, const CloudLabels& labels)
    : connections(gauge(registry, "cecollm_cloud_connections", "Edges connected.")),
      contexts(gauge(registry, "cecollm_cloud_contexts", "Contexts held.")),
      context_budget(gauge(registry, "cecollm_cloud_context_budget", "Bound on contexts held.")),
      waiting_asks(
          gauge(registry, "cecollm_cloud_waiting_asks", "Asks that wait for their answer.")),
      asks(counters(registry, "cecollm_cloud_asks_total",
                    "Asks for a token, by what became of them.", "outcome",
                    names_up_to(CloudAskOutcome::abandoned))),
      tokens(counter(registry, "cecollm_cloud_tokens_total",
                     "Tokens computed here: answers to asks and cloud-only tokens.")),
      rows_received(counter(registry, "cecollm_cloud_rows_received_total", "Rows received.")),
      row_bytes_received(counter(registry, "cecollm_cloud_row_bytes_received_total",
                                 "Bytes of row payload received, without framing.")),
      rows_wasted(counter(registry, "cecollm_cloud_rows_wasted_total",
                          "Rows whose context was closed before any answer used them.")),
      batch_size(histogram(registry, "cecollm_cloud_batch_asks",
                           "Asks answered by one pass of the deep layers.", batch_buckets)),
      step_time(histogram(registry, "cecollm_cloud_step_seconds",
                          "One pass of the deep layers over a batch.", latency_buckets)),
      queue_time(histogram(registry, "cecollm_cloud_queue_seconds",
                           "From an ask's arrival to the start of its pass.", latency_buckets)),
      kv_bytes(gauge(registry, "cecollm_cloud_kv_bytes", "KV caches held.")),
      kv_budget(gauge(registry, "cecollm_cloud_kv_budget_bytes", "Bound on KV caches; 0: none.")),
      row_bytes(gauge(registry, "cecollm_cloud_row_bytes", "Rows held that are still pending.")),
      row_budget(gauge(registry, "cecollm_cloud_row_budget_bytes", "Bound on rows held; 0: none.")),
      evictions(counter(registry, "cecollm_cloud_evictions_total",
                        "KV caches given up to stay within their bound; their rows are kept.")),
      contexts_dropped(counter(registry, "cecollm_cloud_contexts_dropped_total",
                               "Contexts dropped to keep the rows held within their bounds.")),
      rebuilds(counter(registry, "cecollm_cloud_rebuilds_total",
                       "KV caches built again from the rows held.")),
      rows_ahead(counter(registry, "cecollm_cloud_rows_ahead_total",
                         "Rows computed before an ask needed them.")),
      faults(counters(registry, "cecollm_cloud_faults_total", "Typed faults sent, by code.", "code",
                      labels.fault_codes)),
      heartbeats_missed(counter(registry, "cecollm_cloud_heartbeats_missed_total",
                                "Edges given up because nothing came from them for longer than "
                                "link.silence_limit.")),
      sent_bytes(counter(registry, "cecollm_cloud_sent_bytes_total",
                         "Bytes of frames sent to edges, before TLS.")),
      received_bytes(counter(registry, "cecollm_cloud_received_bytes_total",
                             "Bytes of frames received from edges, before TLS.")) {
  publish_info(registry, "cloud", labels.node);
}

}  // namespace cecollm::monitoring
