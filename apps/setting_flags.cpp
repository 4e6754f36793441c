#include "apps/setting_flags.hpp"

#include <cctype>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

namespace cecollm::apps {
namespace {

std::string group_of(const SettingKey& key) {
  std::string group(key.name.substr(0, key.name.find('.')));
  group.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(group.front())));
  return group;
}

std::string_view default_of(const SettingKey& key, const SettingDefaults& own) {
  const auto found = own.find(key.name);
  return found == own.end() ? key.default_text : std::string_view(found->second);
}

/// The help says what the setting does; a switch that is on by default turns that off.
std::string description_of(const SettingKey& key, const SettingDefaults& own) {
  const auto given_without = default_of(key, own);
  std::string text(key.help);
  if (key.kind != ValueKind::boolean) {
    if (!given_without.empty()) text += " [" + std::string(given_without) + "]";
  } else if (key.default_text == "true") {
    text += given_without == "true" ? " [on; this turns it off]" : " [off]";
  }
  return text;
}

std::string_view placeholder_of(const SettingKey& key) {
  switch (key.kind) {
    case ValueKind::path:
      return key.name == "model.directory" ? "DIR" : "FILE";
    case ValueKind::boolean:
      return "";
    case ValueKind::integer:
      return "N";
    case ValueKind::real:
      return "X";
    case ValueKind::duration:
      return "TIME";
    case ValueKind::size:
      return "SIZE";
    case ValueKind::endpoint:
      return "HOST:PORT";
    case ValueKind::endpoint_list:
      return "HOST:PORT[,HOST:PORT]";
    case ValueKind::choice:
      return key.choices;
    case ValueKind::integer_list:
      return "N[,N]";
    case ValueKind::real_list:
      return "X[,X]";
    case ValueKind::text:
    case ValueKind::text_list:
      break;
  }
  return "TEXT";
}

/// A switch states the opposite of its default.
std::string switched(const SettingKey& key) {
  return key.default_text == "true" ? "false" : "true";
}

}  // namespace

void add_setting_flags(CLI::App& command, Node node, const SettingDefaults& own) {
  command.add_option("--config")
      ->description("TOML file with settings; flags and environment override it")
      ->type_name("FILE");
  for (const SettingKey& key : setting_keys()) {
    if (!applies(key, node)) continue;
    const std::string flag(key.flag);
    const std::string description = description_of(key, own);
    CLI::Option* option = nullptr;
    if (key.kind == ValueKind::boolean) {
      option = command.add_flag(flag, description);
    } else {
      option = command.add_option(flag);
      option->description(description);
      option->type_name(std::string(placeholder_of(key)));
    }
    if (key.kind == ValueKind::text_list) {
      option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
    option->group(group_of(key));
  }
}

SettingSources given_settings(const CLI::App& command, Node node, const CommandIo& io,
                              SettingDefaults own) {
  SettingSources sources;
  sources.command_defaults = std::move(own);
  sources.environment = io.environment;
  if (const CLI::Option* config = command.get_option("--config"); config->count() > 0) {
    sources.file = config->results().back();
  }
  for (const SettingKey& key : setting_keys()) {
    if (!applies(key, node)) continue;
    const CLI::Option* option = command.get_option(std::string(key.flag));
    if (option->count() == 0) continue;
    sources.flags[std::string(key.name)] = key.kind == ValueKind::boolean
                                               ? std::vector<std::string>{switched(key)}
                                               : option->results();
  }
  return sources;
}

}  // namespace cecollm::apps
