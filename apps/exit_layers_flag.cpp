#include "apps/exit_layers_flag.hpp"

#include <cstdint>
#include <variant>

#include <CLI/CLI.hpp>

#include "apps/setting_value.hpp"

namespace cecollm::apps {
namespace {

const SettingKey& exit_layers_key() {
  return *find_setting_key("model.exit_layers");
}

}  // namespace

void add_exit_layers_flag(CLI::App& command, std::string& text) {
  command
      .add_option(std::string(exit_layers_key().flag), text, std::string(exit_layers_key().help))
      ->type_name("N[,N]");
}

Outcome<std::vector<int>> parse_exit_layers(std::string_view text) {
  std::vector<int> layers;
  if (text.empty()) return layers;
  const auto value = parse_value(exit_layers_key(), text);
  if (!value) return misused(std::string(exit_layers_key().flag) + ": " + value.error());
  for (const std::int64_t layer : std::get<std::vector<std::int64_t>>(*value)) {
    layers.push_back(static_cast<int>(layer));
  }
  return layers;
}

}  // namespace cecollm::apps
