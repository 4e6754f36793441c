#include "apps/generation_report.hpp"

#include <nlohmann/json.hpp>

namespace cecollm::apps {

double in_milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

namespace {

nlohmann::ordered_json json_of(const ReportedToken& token) {
  nlohmann::ordered_json json{{"id", token.id},
                              {"text", token.text},
                              {"source", token.source},
                              {"confidence", token.confidence},
                              {"logprob", token.logprob}};
  if (!token.top.empty()) {
    auto top = nlohmann::ordered_json::array();
    for (const auto& [id, logprob] : token.top) top.push_back({{"id", id}, {"logprob", logprob}});
    json["top_logprobs"] = std::move(top);
  }
  return json;
}

nlohmann::ordered_json json_of(const policy::SourceCounts& counts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (std::size_t exit = 0; exit < counts.exits(); ++exit) {
    json[name_of(policy::Source{policy::Source::Kind::exit, exit})] = counts.of_exit(exit);
  }
  json["cloud"] = counts.cloud();
  json["fallback"] = counts.fallback();
  if (counts.full() > 0) json["full"] = counts.full();
  return json;
}

nlohmann::ordered_json json_of(const actors::ModeSwitch& change) {
  return {{"token", change.index},
          {"mode", policy::name_of(change.mode)},
          {"reason", policy::name_of(change.reason)}};
}

}  // namespace

std::chrono::nanoseconds GenerationReport::time_per_token() const {
  if (tokens.size() < 2) return std::chrono::nanoseconds(0);
  return (total - time_to_first_token) / static_cast<std::int64_t>(tokens.size() - 1);
}

std::string GenerationReport::tail() const {
  std::size_t shown = 0;
  for (const auto& token : tokens) shown += token.text.size();
  return text.substr(shown);
}

void add_token(GenerationReport& report, const actors::TokenEvent& event) {
  report.text += event.text;
  report.tokens.push_back(
      {event.token, event.text, name_of(event.source), event.confidence, event.logprob, event.top});
}

void add_end(GenerationReport& report, const actors::GenerationFinished& end) {
  report.text += end.tail;
  report.finish_reason = actors::name_of(end.reason);
  report.warning = end.warning;
  report.prompt_tokens = end.prompt_tokens;
  report.counts = end.counts;
  report.time_to_first_token = end.time_to_first_token;
  report.total = end.total;
  report.upload = end.upload;
  report.compute = end.compute;
  report.values_clamped = end.values_clamped;
  report.mode_switches = end.mode_switches;
}

std::string to_json(const GenerationReport& report) {
  auto tokens = nlohmann::ordered_json::array();
  for (const auto& token : report.tokens) tokens.push_back(json_of(token));
  auto mode_switches = nlohmann::ordered_json::array();
  for (const auto& change : report.mode_switches) mode_switches.push_back(json_of(change));
  const nlohmann::ordered_json json{
      {"text", report.text},
      {"tokens", std::move(tokens)},
      {"finish_reason", report.finish_reason},
      {"usage",
       {{"prompt_tokens", report.prompt_tokens},
        {"completion_tokens", static_cast<std::int64_t>(report.tokens.size())}}},
      {"counts", json_of(report.counts)},
      {"bytes_up", report.upload.bytes_up},
      {"bytes_down", report.upload.bytes_down},
      {"rows_up", report.upload.rows_up},
      {"row_payload_bytes", report.upload.row_payload_bytes},
      {"rows_resent", report.upload.rows_resent},
      {"values_clamped", report.values_clamped},
      {"edge_share", report.compute.edge_share()},
      {"ttft_ms", in_milliseconds(report.time_to_first_token)},
      {"tpot_ms", in_milliseconds(report.time_per_token())},
      {"mode", report.mode},
      {"mode_switches", std::move(mode_switches)},
      {"warning", report.warning}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace cecollm::apps
