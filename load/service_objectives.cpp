#include "load/service_objectives.hpp"

#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

namespace cecollm::load {
namespace {

/// Seconds in "200ms" or "3s".
std::optional<double> seconds_in(std::string_view text) {
  double value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  const std::string_view unit(end, static_cast<std::size_t>(last - end));
  if (error != std::errc{} || !std::isfinite(value) || value <= 0) return std::nullopt;
  if (unit == "us") return value / 1e6;
  if (unit == "ms") return value / 1e3;
  if (unit == "s") return value;
  return std::nullopt;
}

std::optional<double>* limit_called(std::string_view name, ServiceObjectives& objectives) {
  if (name == "ttft") return &objectives.ttft;
  if (name == "tpot") return &objectives.tpot;
  if (name == "e2e") return &objectives.e2e;
  if (name == "wait") return &objectives.cloud_wait;
  return nullptr;
}

}  // namespace

model::Result<ServiceObjectives> parse_objectives(std::string_view text) {
  ServiceObjectives objectives;
  while (true) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    const auto equals = part.find('=');
    auto* limit = limit_called(part.substr(0, equals), objectives);
    const auto value =
        equals == std::string_view::npos ? std::nullopt : seconds_in(part.substr(equals + 1));
    if (limit == nullptr || *limit || !value) {
      return model::fail(model::ErrorCode::out_of_range,
                         "'" + std::string(part) +
                             "' is no limit such as ttft=200ms, tpot=50ms, e2e=3s or wait=100ms");
    }
    *limit = value;
    if (comma == std::string_view::npos) return objectives;
    text.remove_prefix(comma + 1);
  }
}

std::string to_string(const ServiceObjectives& objectives) {
  std::ostringstream text;
  const char* separator = "";
  for (const auto& [name, limit] : {std::pair{"ttft", objectives.ttft},
                                    {"tpot", objectives.tpot},
                                    {"e2e", objectives.e2e},
                                    {"wait", objectives.cloud_wait}}) {
    if (!limit) continue;
    text << separator << name << '=' << *limit * 1e3 << "ms";
    separator = ",";
  }
  return text.str();
}

}  // namespace cecollm::load
