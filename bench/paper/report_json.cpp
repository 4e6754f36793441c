#include <nlohmann/json.hpp>

#include "apps/generation_report.hpp"
#include "bench/paper/report.hpp"

namespace cecollm::bench {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Estimate& estimate) {
  return {{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

ordered_json json_of(const std::optional<Estimate>& estimate) {
  return estimate ? json_of(*estimate) : ordered_json(nullptr);
}

ordered_json json_of(const SideWork& work) {
  return {{"layer_gflop", work.layer_gflop},
          {"head_gflop", work.head_gflop},
          {"layer_rows", work.layer_rows}};
}

ordered_json json_of(const ModeSummary& mode) {
  return {{"mode", mode.mode.name},
          {"threshold", mode.mode.threshold},
          {"total_ms", json_of(mode.total)},
          {"edge_ms", json_of(mode.edge)},
          {"cloud_ms", json_of(mode.cloud)},
          {"communication_ms", json_of(mode.communication)},
          {"request_communication_ms", json_of(mode.request_communication)},
          {"first_token_p50_ms", mode.first_token_p50},
          {"token_p50_ms", mode.token_p50},
          {"token_p99_ms", mode.token_p99},
          {"request_rate", json_of(mode.request_rate)},
          {"fallback_rate", json_of(mode.fallback_rate)},
          {"asks_in_vain_rate", json_of(mode.vain_rate)},
          {"edge_share", json_of(mode.edge_share)},
          {"saved_time", json_of(mode.saved_time)},
          {"offloaded", json_of(mode.offloaded)},
          {"kib_up", mode.up},
          {"kib_down", mode.down},
          {"kib_rows", mode.rows},
          {"edge_work", json_of(mode.edge_work)},
          {"cloud_work", json_of(mode.cloud_work)},
          {"agreement", json_of(mode.agreement)},
          {"rouge_l", json_of(mode.rouge)},
          {"right_answers", json_of(mode.right_answers)},
          {"same_answers", json_of(mode.same_answers)},
          {"question_agreement", json_of(mode.question_agreement)}};
}

ordered_json json_of(const Trial& trial, const std::string& mode) {
  const auto& response = trial.response;
  return {{"mode", mode},
          {"prompt", trial.prompt},
          {"repetition", trial.repetition},
          {"tokens", response.tokens.size()},
          {"from_cloud", response.from_cloud},
          {"asks_in_vain", response.asks_in_vain},
          {"total_ms", apps::in_milliseconds(response.total)},
          {"edge_ms", apps::in_milliseconds(response.edge.busy)},
          {"cloud_ms", apps::in_milliseconds(response.cloud.busy)},
          {"communication_ms", apps::in_milliseconds(response.communication)}};
}

}  // namespace

std::string to_json(const Report& report, const std::vector<Trial>& trials) {
  ordered_json json;
  json["command"] = report.run.command;
  json["machine"] = report.run.machine;
  json["commit"] = report.run.commit;
  for (const auto& [name, value] : report.run.conditions) json["conditions"][name] = value;
  json["warnings"] = report.run.warnings;
  json["full_model_right_answers"] =
      report.full_model_right ? ordered_json(*report.full_model_right) : ordered_json(nullptr);
  json["modes"] = ordered_json::array();
  for (const auto& mode : report.modes) json["modes"].push_back(json_of(mode));
  json["trials"] = ordered_json::array();
  for (const auto& trial : trials) {
    json["trials"].push_back(json_of(trial, report.modes[trial.mode].mode.name));
  }
  return json.dump(1) + "\n";
}

}  // namespace cecollm::bench
