#pragma once
// How a generation uses the cloud.

#include <array>
#include <optional>
#include <string_view>

namespace cecollm::policy {

enum class Mode {
  standalone,     // never asks; below the threshold the last exit gives the token
  collaborative,  // asks the cloud where no exit is sure
  cloud_only,     // the prompt goes up, tokens come down
};
inline constexpr std::array all_modes{Mode::standalone, Mode::collaborative, Mode::cloud_only};

std::string_view name_of(Mode mode);
std::optional<Mode> mode_from_name(std::string_view name);

}  // namespace cecollm::policy
