#include "policy/mode.hpp"

namespace cecollm::policy {

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::standalone:
      return "standalone";
    case Mode::collaborative:
      return "collaborative";
    case Mode::cloud_only:
      return "cloud-only";
  }
  return "unknown";
}

std::optional<Mode> mode_from_name(std::string_view name) {
  for (const Mode mode : all_modes) {
    if (name == name_of(mode)) return mode;
  }
  return std::nullopt;
}

}  // namespace cecollm::policy
