#include "load/report_json.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

namespace cecollm::load {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Summary& summary) {
  return {{"count", summary.count},      {"mean_ms", summary.mean * 1e3},
          {"p50_ms", summary.p50 * 1e3}, {"p90_ms", summary.p90 * 1e3},
          {"p95_ms", summary.p95 * 1e3}, {"p99_ms", summary.p99 * 1e3},
          {"max_ms", summary.max * 1e3}};
}

ordered_json source_counts(const policy::SourceCounts& counts) {
  ordered_json sources;
  for (std::size_t exit = 0; exit < counts.exits(); ++exit) {
    sources[name_of(policy::Source{policy::Source::Kind::exit, exit})] = counts.of_exit(exit);
  }
  sources["cloud"] = counts.cloud();
  sources["fallback"] = counts.fallback();
  return sources;
}

}  // namespace

std::string to_json(const LoadReport& report) {
  ordered_json json;
  for (const auto& [key, value] : report.description) json["run"][key] = value;
  json["good"] = report.verdict.empty();
  json["verdict"] = report.verdict;
  json["interrupted"] = report.interrupted;
  json["duration_s"] = report.duration;
  json["edges"] = report.edges;
  json["requests"] = {{"sent", report.requests},
                      {"completed", report.completed},
                      {"failed", report.failed},
                      {"cut_off", report.cut_off}};
  json["tokens"] = {{"prompt", report.prompt_tokens}, {"output", report.output_tokens}};
  json["throughput"] = {{"requests_per_s", report.request_rate},
                        {"output_tokens_per_s", report.output_rate},
                        {"total_tokens_per_s", report.token_rate}};
  if (report.objectives.any()) {
    json["goodput"] = {{"objectives", to_string(report.objectives)},
                       {"requests", report.good},
                       {"requests_per_s", report.good_rate},
                       {"share", report.good_share}};
  }
  for (const auto& latency : summaries_of(report)) {
    json["latency"][std::string(latency.key)] = json_of(*latency.summary);
  }
  json["sources"] = source_counts(report.sources);
  json["asks"] = {{"sent", report.asks},
                  {"checked", report.replies_checked},
                  {"tolerated", report.replies_tolerated}};
  json["errors"] = ordered_json::object();
  for (const auto& [kind, error] : report.errors) {
    json["errors"][std::string(name_of(kind))] = {{"count", error.count}, {"first", error.example}};
  }
  json["bytes"] = {{"up", report.bytes.bytes_up},
                   {"down", report.bytes.bytes_down},
                   {"rows", report.bytes.rows_up},
                   {"row_payload", report.bytes.row_payload_bytes},
                   {"rows_resent", report.bytes.rows_resent}};
  for (const auto& bucket : report.batch_sizes) {
    const ordered_json up_to =
        std::isfinite(bucket.up_to) ? ordered_json(bucket.up_to) : ordered_json(nullptr);
    json["batch_sizes"].push_back({{"up_to", up_to}, {"passes", bucket.count}});
  }
  for (const auto& latency : summaries_of(report)) {
    json["definitions"][std::string(latency.key)] = latency.definition;
  }
  for (const auto& [name, text] : definitions()) json["definitions"][std::string(name)] = text;
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace cecollm::load
