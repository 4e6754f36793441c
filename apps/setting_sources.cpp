#include "apps/setting_sources.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "apps/toml_settings.hpp"

namespace cecollm::apps {
namespace {

constexpr std::string_view prefix = "CECOLLM_";

class Merger {
 public:
  Merger(Node node, const SettingSources& sources) : node_(node), sources_(sources) {}

  MergedSettings run() && {
    add_defaults();
    if (sources_.file) add_file(*sources_.file);
    add_environment();
    add_flags();
    return std::move(merged_);
  }

 private:
  void add(const SettingKey& key, const std::string& place, ValueOrReason value) {
    if (value) {
      merged_.values.set(key, {std::move(*value), place});
    } else {
      merged_.problems.push_back(place + ": " + std::string(key.name) + ": " + value.error());
    }
  }

  void add_defaults() {
    for (const SettingKey& key : setting_keys()) {
      if (!applies(key, node_)) continue;
      const auto of_command = sources_.command_defaults.find(key.name);
      const std::string_view text = of_command != sources_.command_defaults.end()
                                        ? std::string_view(of_command->second)
                                        : key.default_text;
      if (!text.empty()) add(key, "default", parse_value(key, text));
    }
  }

  void add_file(const std::filesystem::path& file) {
    FileSettings read = read_toml_settings(file);
    for (std::string& problem : read.problems) merged_.problems.push_back(std::move(problem));
    for (FileSetting& setting : read.settings) {
      const std::string place = file.string() + ":" + std::to_string(setting.line);
      if (applies(*setting.key, node_)) {
        add(*setting.key, place, std::move(setting.value));
      } else {
        const Node owner = node_ == Node::edge ? Node::cloud : Node::edge;
        merged_.problems.push_back(place + ": " + std::string(setting.key->name) +
                                   " is a setting of the " + std::string(name_of(owner)) +
                                   ", and this is the file of the " + std::string(name_of(node_)));
      }
    }
  }

  void add_environment() {
    for (const auto& variable : sources_.environment) {
      const auto& [name, text] = variable;
      const auto known = setting_keys();
      const auto key = std::find_if(known.begin(), known.end(), [&](const SettingKey& candidate) {
        return environment_name(candidate) == variable.first;
      });
      if (key != known.end()) {
        // One environment may serve both nodes, so the other node's settings are no mistake.
        if (applies(*key, node_)) add(*key, name, parse_value(*key, text));
      } else if (looks_like_ours(name)) {
        merged_.problems.push_back("environment: " + name + " is no setting" + suggestion(name));
      }
    }
  }

  /// Container managers put variables such as CECOLLM_CLOUD_SERVICE_HOST into the environment, so
  /// only names that begin with one of our tables count as mistakes.
  static bool looks_like_ours(std::string_view name) {
    const auto known = setting_keys();
    return std::any_of(known.begin(), known.end(), [&](const SettingKey& key) {
      const std::string full = environment_name(key);
      const std::size_t table_end = prefix.size() + key.name.find('.') + 1;
      return name.starts_with(std::string_view(full).substr(0, table_end));
    });
  }

  static std::string suggestion(std::string_view name) {
    std::string key(name.substr(prefix.size()));
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    if (const auto underscore = key.find('_'); underscore != std::string::npos) {
      key[underscore] = '.';
    }
    const auto nearest = nearest_setting_name(key);
    if (!nearest) return {};
    return "; did you mean " + environment_name(*find_setting_key(*nearest)) + "?";
  }

  void add_flags() {
    for (const auto& [name, texts] : sources_.flags) {
      const SettingKey* key = find_setting_key(name);
      if (key == nullptr) {
        merged_.problems.push_back("command line: " + name + " is no setting");
        continue;
      }
      if (texts.empty() || !applies(*key, node_)) continue;
      if (key->kind == ValueKind::text_list) {
        add(*key, std::string(key->flag), check_value(*key, SettingValue{texts}));
      } else {
        add(*key, std::string(key->flag), parse_value(*key, texts.back()));
      }
    }
  }

  Node node_;
  const SettingSources& sources_;
  MergedSettings merged_;
};

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(prefix)) continue;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

void SettingValues::set(const SettingKey& key, PlacedValue value) {
  values_.insert_or_assign(key.name, std::move(value));
}

bool SettingValues::has(std::string_view name) const {
  return values_.contains(name);
}

std::string SettingValues::locate(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.place == "default") return std::string(name);
  return found->second.place + ": " + std::string(name);
}

bool SettingValues::is_default(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.place == "default";
}

const PlacedValue& SettingValues::find(std::string_view name) const {
  const auto found = values_.find(name);
  assert(found != values_.end());
  return found->second;
}

MergedSettings merge_settings(Node node, const SettingSources& sources) {
  return Merger(node, sources).run();
}

std::vector<Node> nodes_of_file(const std::filesystem::path& file) {
  bool edge = false;
  bool cloud = false;
  for (const FileSetting& setting : read_toml_settings(file).settings) {
    edge = edge || setting.key->applies_to == AppliesTo::edge;
    cloud = cloud || setting.key->applies_to == AppliesTo::cloud;
  }
  std::vector<Node> nodes;
  if (edge) nodes.push_back(Node::edge);
  if (cloud) nodes.push_back(Node::cloud);
  return nodes;
}

}  // namespace cecollm::apps
