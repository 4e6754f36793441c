#pragma once
// The limits within which a request counts as good: --slo ttft=200ms,tpot=50ms.

#include <optional>
#include <string>
#include <string_view>

#include "model/error.hpp"

namespace cecollm::load {

/// In seconds; what is absent is not looked at.
struct ServiceObjectives {
  std::optional<double> ttft;
  std::optional<double> tpot;
  std::optional<double> e2e;
  std::optional<double> cloud_wait;  // of every ask of the request
  bool any() const { return ttft || tpot || e2e || cloud_wait; }
};

/// "ttft=200ms,tpot=50ms,e2e=3s,wait=100ms", each once. `out_of_range` names what it cannot read.
model::Result<ServiceObjectives> parse_objectives(std::string_view text);
/// The same spelling.
std::string to_string(const ServiceObjectives& objectives);

}  // namespace cecollm::load
