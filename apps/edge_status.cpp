#include "apps/edge_status.hpp"

#include <optional>
#include <string>

#include "apps/generation_report.hpp"
#include "apps/node_info.hpp"
#include "apps/version.hpp"

namespace cecollm::apps {
namespace {

using nlohmann::ordered_json;

template <class T>
ordered_json json_of(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json link_json(const actors::LinkReport& link, bool configured) {
  std::optional<double> rtt_ms;
  if (link.rtt) rtt_ms = in_milliseconds(*link.rtt);
  return {{"configured", configured},
          {"connected", link.connected},
          {"problem", link.problem.empty() ? ordered_json() : ordered_json(link.problem)},
          {"rtt_ms", json_of(rtt_ms)},
          {"goodput_up_bytes_per_second", json_of(link.goodput_up)}};
}

/// Tokens since the start, by source, and the share of them that the edge decided.
void add_tokens(const monitoring::EdgeMetrics& metrics, ordered_json& status) {
  auto tokens = ordered_json::object();
  double edge = 0;
  const auto add = [&](const std::string& source, const prometheus::Counter& counter) {
    tokens[source] = static_cast<std::uint64_t>(counter.Value());
    return counter.Value();
  };
  for (std::size_t exit = 0; exit < metrics.exit_tokens.size(); ++exit) {
    edge += add("exit" + std::to_string(exit + 1), metrics.exit_tokens[exit]);
  }
  const double cloud = add("cloud", metrics.cloud_tokens);
  edge += add("fallback", metrics.fallback_tokens);
  status["tokens"] = std::move(tokens);
  status["edge_token_share"] = edge + cloud > 0 ? ordered_json(edge / (edge + cloud)) : nullptr;
}

}  // namespace

ordered_json edge_status(EdgeNode& node, const EdgeSettings& current) {
  const bool configured = !current.clouds.empty();
  const auto link = node.link_report();
  ordered_json status{{"version", version()},
                      {"state", name_of(node.health()->state())},
                      {"model", model_name(current.model)},
                      {"exit_layers", node.config().exits->layers}};
  status["mode"] = policy::name_of(policy::mode_of(link.state));
  status["supervisor"] = policy::name_of(link.state);
  status["reason"] = configured ? ordered_json(policy::name_of(link.reason)) : ordered_json();
  status["held"] = link.held;
  const auto request = request_from(current, node.config());
  status["thresholds"] = request ? request->thresholds.values : std::vector<float>();
  status["link"] = link_json(link, configured);
  add_tokens(node.metrics(), status);
  status["generations"] = static_cast<std::uint64_t>(node.metrics().generations_active.Value());
  return status;
}

}  // namespace cecollm::apps
