#include "policy/exit_decision.hpp"

namespace cecollm::policy {

ExitThresholds spread_thresholds(const std::vector<float>& given, std::size_t exits) {
  if (given.size() == 1) return {std::vector<float>(exits, given.front())};
  if (given.size() != exits) return {};
  return {given};
}

bool never_asks(const ExitThresholds& thresholds) {
  return !thresholds.values.empty() && thresholds.values.front() <= 0.0F;
}

std::string_view name_of(ExitVerdict verdict) {
  switch (verdict) {
    case ExitVerdict::emit:
      return "emit";
    case ExitVerdict::deeper:
      return "deeper";
    case ExitVerdict::not_sure:
      return "not_sure";
  }
  return "unknown";
}

ExitVerdict decide_exit(Confidence confidence, std::size_t exit, const ExitThresholds& thresholds) {
  // Written so that a NaN on either side does not emit.
  if (exit < thresholds.values.size() && confidence.max_probability >= thresholds.values[exit]) {
    return ExitVerdict::emit;
  }
  return exit + 1 < thresholds.values.size() ? ExitVerdict::deeper : ExitVerdict::not_sure;
}

}  // namespace cecollm::policy
