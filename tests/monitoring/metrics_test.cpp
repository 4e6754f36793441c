#include "monitoring/metrics.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "tests/support/allocation_probe.hpp"

namespace cecollm::monitoring {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string exposition(const prometheus::Registry& registry) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, registry.Collect());
  return out.str();
}

NodeInfo some_node() {
  return {"0.1.0", "default", "ab12", "3,6", "fp32"};
}

EdgeLabels edge_labels() {
  return {some_node(), {3, 6}, {"standalone", "collaborative"}, {"rtt_high", "recovered"}};
}

CloudLabels cloud_labels() {
  return {some_node(), {"version", "sequence_gap"}};
}

const std::vector<std::string> edge_names{
    "cecollm_generations_total",
    "cecollm_active_generations",
    "cecollm_prompt_tokens_total",
    "cecollm_tokens_total",
    "cecollm_exit_confidence_ratio",
    "cecollm_generation_prompt_tokens",
    "cecollm_generation_output_tokens",
    "cecollm_generation_queue_seconds",
    "cecollm_time_to_first_token_seconds",
    "cecollm_inter_token_seconds",
    "cecollm_generation_seconds",
    "cecollm_cloud_wait_seconds",
    "cecollm_asks_total",
    "cecollm_asks_in_vain_total",
    "cecollm_mode",
    "cecollm_mode_transitions_total",
    "cecollm_mode_held",
    "cecollm_link_connected",
    "cecollm_link_rtt_seconds",
    "cecollm_link_goodput_bytes_per_second",
    "cecollm_heartbeats_missed_total",
    "cecollm_reconnects_total",
    "cecollm_uplink_queue_bytes",
    "cecollm_rows_sent_total",
    "cecollm_rows_acknowledged_total",
    "cecollm_rows_resent_total",
    "cecollm_rows_wasted_total",
    "cecollm_row_bytes_total",
    "cecollm_clamped_values_total",
    "cecollm_sent_bytes_total",
    "cecollm_received_bytes_total",
    "cecollm_kv_bytes",
    "cecollm_retained_row_bytes",
    "cecollm_retained_row_budget_bytes",
    "cecollm_conversations",
    "cecollm_conversation_bytes",
    "cecollm_conversations_resumed_total",
    "cecollm_conversations_dropped_total",
    "cecollm_resumed_rows_total",
    "cecollm_build_info",
    "cecollm_model_info",
};

const std::vector<std::string> cloud_names{
    "cecollm_cloud_connections",
    "cecollm_cloud_contexts",
    "cecollm_cloud_context_budget",
    "cecollm_cloud_waiting_asks",
    "cecollm_cloud_asks_total",
    "cecollm_cloud_tokens_total",
    "cecollm_cloud_rows_received_total",
    "cecollm_cloud_row_bytes_received_total",
    "cecollm_cloud_rows_wasted_total",
    "cecollm_cloud_batch_asks",
    "cecollm_cloud_step_seconds",
    "cecollm_cloud_queue_seconds",
    "cecollm_cloud_kv_bytes",
    "cecollm_cloud_kv_budget_bytes",
    "cecollm_cloud_row_bytes",
    "cecollm_cloud_row_budget_bytes",
    "cecollm_cloud_evictions_total",
    "cecollm_cloud_contexts_dropped_total",
    "cecollm_cloud_rebuilds_total",
    "cecollm_cloud_rows_ahead_total",
    "cecollm_cloud_faults_total",
    "cecollm_cloud_heartbeats_missed_total",
    "cecollm_cloud_sent_bytes_total",
    "cecollm_cloud_received_bytes_total",
    "cecollm_build_info",
    "cecollm_model_info",
};

std::set<std::string> names_in(const prometheus::Registry& registry) {
  std::set<std::string> names;
  for (const auto& family : registry.Collect()) names.insert(family.name);
  return names;
}

TEST(EdgeMetrics, ExposeEveryMetricFromTheStart) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  EXPECT_EQ(names_in(registry), std::set<std::string>(edge_names.begin(), edge_names.end()));
}

TEST(EdgeMetrics, GiveThoseOfRequestsToAnotherRegistryWhereOneIsNamed) {
  prometheus::Registry requests;
  prometheus::Registry rest;
  const EdgeMetrics metrics(requests, rest, edge_labels());
  auto all = names_in(rest);
  const auto of_requests = names_in(requests);
  EXPECT_TRUE(of_requests.contains("cecollm_generations_total"));
  EXPECT_FALSE(of_requests.contains("cecollm_build_info"));
  all.insert(of_requests.begin(), of_requests.end());
  EXPECT_EQ(all, std::set<std::string>(edge_names.begin(), edge_names.end()));
  EXPECT_EQ(names_in(rest).size() + of_requests.size(), all.size());
}

TEST(CloudMetrics, ExposeEveryMetricFromTheStart) {
  prometheus::Registry registry;
  const CloudMetrics metrics(registry, cloud_labels());
  EXPECT_EQ(names_in(registry), std::set<std::string>(cloud_names.begin(), cloud_names.end()));
}

TEST(Metrics, EachHaveHelpAndAType) {
  prometheus::Registry registry;
  const EdgeMetrics edge(registry, edge_labels());
  const CloudMetrics cloud(registry, cloud_labels());
  const std::string text = exposition(registry);
  for (const auto& names : {edge_names, cloud_names}) {
    for (const std::string& name : names) {
      EXPECT_THAT(text, testing::ContainsRegex("# HELP " + name + " [A-Z1].{10,}\\.\n# TYPE " +
                                               name + " (counter|gauge|histogram)\n"));
    }
  }
}

TEST(Metrics, AreNamedByNounAndUnit) {
  prometheus::Registry registry;
  const EdgeMetrics edge(registry, edge_labels());
  const CloudMetrics cloud(registry, cloud_labels());
  for (const auto& family : registry.Collect()) {
    EXPECT_THAT(family.name, testing::MatchesRegex("cecollm_[a-z]+(_[a-z]+)*"));
    const bool counter = family.type == prometheus::MetricType::Counter;
    EXPECT_EQ(family.name.ends_with("_total"), counter) << family.name;
    EXPECT_THAT(family.name, Not(HasSubstr("_ms")));
    EXPECT_THAT(family.name, Not(HasSubstr("milliseconds")));
  }
}

TEST(Metrics, HaveNoLabelBeyondTheBoundedOnes) {
  prometheus::Registry registry;
  const EdgeMetrics edge(registry, edge_labels());
  const CloudMetrics cloud(registry, cloud_labels());
  const std::set<std::string> allowed{"outcome", "source", "layer",       "mode",
                                      "reason",  "code",   "role",        "version",
                                      "model",   "digest", "exit_layers", "dtype"};
  for (const auto& family : registry.Collect()) {
    for (const auto& metric : family.metric) {
      for (const auto& label : metric.label)
        EXPECT_TRUE(allowed.contains(label.name)) << label.name;
    }
  }
}

TEST(EdgeMetrics, CountTokensBySourceAndLayer) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  metrics.exit_tokens[0].Increment();
  metrics.exit_tokens[1].Increment(2);
  metrics.cloud_tokens.Increment(3);
  metrics.fallback_tokens.Increment(4);
  const std::string text = exposition(registry);
  EXPECT_THAT(text, HasSubstr("cecollm_tokens_total{layer=\"3\",source=\"exit1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_tokens_total{layer=\"6\",source=\"exit2\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_tokens_total{source=\"cloud\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_tokens_total{source=\"fallback\"} 4\n"));
}

TEST(EdgeMetrics, CountByEnum) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  metrics.generations[GenerationOutcome::cancelled].Increment();
  metrics.generations[GenerationOutcome::refused].Increment(2);
  metrics.asks[AskOutcome::skipped].Increment(5);
  metrics.mode_transitions[1].Increment();
  const std::string text = exposition(registry);
  EXPECT_THAT(text, HasSubstr("cecollm_generations_total{outcome=\"stop\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_generations_total{outcome=\"length\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_generations_total{outcome=\"cancelled\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_generations_total{outcome=\"failed\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_generations_total{outcome=\"refused\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_asks_total{outcome=\"answered\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_asks_total{outcome=\"skipped\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_mode_transitions_total{reason=\"recovered\"} 1\n"));
}

TEST(EdgeMetrics, ShowExactlyOneMode) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  metrics.set_mode(0);
  metrics.set_mode(1);
  const std::string text = exposition(registry);
  EXPECT_THAT(text, HasSubstr("cecollm_mode{mode=\"standalone\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_mode{mode=\"collaborative\"} 1\n"));
}

TEST(EdgeMetrics, CoverOneMillisecondToOneMinuteOfLatency) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  metrics.time_to_first_token.Observe(0.0009);
  metrics.time_to_first_token.Observe(59.0);
  metrics.time_to_first_token.Observe(61.0);
  const std::string text = exposition(registry);
  const std::string name = "cecollm_time_to_first_token_seconds";
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"20\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"60\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(name + "_count 3\n"));
}

TEST(EdgeMetrics, SortConfidencesByExit) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  metrics.exit_confidence[1].Observe(0.85);
  const std::string text = exposition(registry);
  const std::string labels = "{layer=\"6\",source=\"exit2\",le=";
  EXPECT_THAT(text, HasSubstr("cecollm_exit_confidence_ratio_bucket" + labels + "\"0.8\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_exit_confidence_ratio_bucket" + labels + "\"0.9\"} 1\n"));
}

TEST(EdgeMetrics, CostATokenNoAllocation) {
  prometheus::Registry registry;
  const EdgeMetrics metrics(registry, edge_labels());
  const tests::AllocationProbe probe;
  for (int i = 0; i < 100; ++i) {
    metrics.exit_confidence[0].Observe(0.3);
    metrics.exit_confidence[1].Observe(0.4);
    metrics.rows_sent.Increment();
    metrics.retained_row_bytes.Set(512);
    metrics.asks[AskOutcome::answered].Increment();
    metrics.cloud_wait.Observe(0.02 * i);
    metrics.exit_tokens[1].Increment();
    metrics.cloud_tokens.Increment();
    metrics.inter_token.Observe(0.02 * i);
  }
  EXPECT_EQ(probe.total(), 0U);
}

TEST(CloudMetrics, CountAsksAndFaultsByEnum) {
  prometheus::Registry registry;
  const CloudMetrics metrics(registry, cloud_labels());
  metrics.asks[CloudAskOutcome::late].Increment();
  metrics.faults[1].Increment();
  const std::string text = exposition(registry);
  EXPECT_THAT(text, HasSubstr("cecollm_cloud_asks_total{outcome=\"late\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_cloud_asks_total{outcome=\"abandoned\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("cecollm_cloud_faults_total{code=\"sequence_gap\"} 1\n"));
}

TEST(Metrics, TellTheBuildAndTheModelOfEachSideInOneRegistry) {
  prometheus::Registry registry;
  const EdgeMetrics edge(registry, edge_labels());
  const CloudMetrics cloud(registry, cloud_labels());
  const std::string text = exposition(registry);
  for (const std::string role : {"edge", "cloud"}) {
    EXPECT_THAT(text, HasSubstr("cecollm_build_info{role=\"" + role + "\",version=\"0.1.0\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("cecollm_model_info{digest=\"ab12\",dtype=\"fp32\",exit_layers="
                                "\"3,6\",model=\"default\",role=\"" +
                                role + "\"} 1\n"));
  }
}

TEST(Metrics, AreResolvedOnceAndSharedByHandlesOfTheSameRegistry) {
  prometheus::Registry registry;
  const EdgeMetrics first(registry, edge_labels());
  const EdgeMetrics second(registry, edge_labels());
  EXPECT_EQ(&first.cloud_tokens, &second.cloud_tokens);
  EXPECT_EQ(&first.exit_tokens[1], &second.exit_tokens[1]);
}

}  // namespace
}  // namespace cecollm::monitoring
