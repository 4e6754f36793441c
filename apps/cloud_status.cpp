#include "apps/cloud_status.hpp"

#include "apps/node_info.hpp"
#include "apps/version.hpp"

namespace cecollm::apps {
namespace {

std::uint64_t whole(const prometheus::Gauge& gauge) {
  return static_cast<std::uint64_t>(gauge.Value());
}

}  // namespace

nlohmann::ordered_json cloud_status(const CloudNode& node, const CloudSettings& settings) {
  const auto& metrics = node.metrics();
  return {{"version", version()},
          {"state", name_of(node.health()->state())},
          {"model", model_name(settings.model)},
          {"listen", transport::to_string(node.bound())},
          {"connections", whole(metrics.connections)},
          {"contexts", whole(metrics.contexts)},
          {"waiting_asks", whole(metrics.waiting_asks)},
          {"tokens", static_cast<std::uint64_t>(metrics.tokens.Value())},
          {"kv_bytes", whole(metrics.kv_bytes)},
          {"kv_budget_bytes", whole(metrics.kv_budget)},
          {"row_bytes", whole(metrics.row_bytes)},
          {"row_budget_bytes", whole(metrics.row_budget)}};
}

}  // namespace cecollm::apps
