#include "apps/toml_settings.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <toml++/toml.h>

namespace cecollm::apps {
namespace {

constexpr std::size_t most_file_bytes = 1U << 20U;

std::string at(const std::filesystem::path& file, const toml::source_region& region) {
  return file.string() + ":" + std::to_string(region.begin.line) + ": ";
}

std::optional<std::string> read_text(const std::filesystem::path& file, std::string& problem) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    problem = file.string() + ": is a directory, not a configuration file";
    return std::nullopt;
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    problem = file.string() + ": cannot be read";
    return std::nullopt;
  }
  std::string text(most_file_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (stream.bad()) {
    problem = file.string() + ": cannot be read";
    return std::nullopt;
  }
  if (text.size() > most_file_bytes) {
    problem = file.string() + ": is larger than 1 MiB";
    return std::nullopt;
  }
  return text;
}

std::string wants(const SettingKey& key) {
  switch (key.kind) {
    case ValueKind::boolean:
      return "true or false, without quotes";
    case ValueKind::integer:
      return "a whole number, without quotes";
    case ValueKind::real:
      return "a number, without quotes";
    case ValueKind::integer_list:
      return "whole numbers in brackets: [3, 6]";
    case ValueKind::real_list:
      return "numbers in brackets: [0.8, 0.9]";
    case ValueKind::text_list:
      return "texts in brackets: [\"…\"]";
    case ValueKind::endpoint_list:
      return "addresses in brackets: [\"HOST:PORT\"]";
    case ValueKind::duration:
      return "a duration in quotes: \"250ms\", \"5s\", \"2min\", \"1h\"";
    case ValueKind::size:
      return "a size in quotes: \"512B\", \"64KiB\", \"8MiB\", \"1GiB\"";
    case ValueKind::text:
    case ValueKind::path:
    case ValueKind::endpoint:
    case ValueKind::choice:
      break;
  }
  return "a text in quotes";
}

/// The element as T; whole numbers also serve as numbers.
template <class T>
std::optional<T> element_of(const toml::node& node) {
  if constexpr (std::is_same_v<T, double>) {
    if (node.is_number()) return node.value<double>();
    return std::nullopt;
  } else {
    return node.value_exact<T>();
  }
}

/// An array of T, or one T for a list of one.
template <class T>
std::optional<SettingValue> list_of(const toml::node& node) {
  std::vector<T> list;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& item : *array) {
      const auto element = element_of<T>(item);
      if (!element) return std::nullopt;
      list.push_back(*element);
    }
  } else {
    const auto element = element_of<T>(node);
    if (!element) return std::nullopt;
    list.push_back(*element);
  }
  return SettingValue{std::move(list)};
}

template <class T>
std::optional<SettingValue> one_of(const toml::node& node) {
  const auto element = element_of<T>(node);
  if (!element) return std::nullopt;
  return SettingValue{*element};
}

std::optional<SettingValue> typed_value(const SettingKey& key, const toml::node& node) {
  switch (key.kind) {
    case ValueKind::boolean:
      return one_of<bool>(node);
    case ValueKind::integer:
      return one_of<std::int64_t>(node);
    case ValueKind::real:
      return one_of<double>(node);
    case ValueKind::integer_list:
      return list_of<std::int64_t>(node);
    case ValueKind::real_list:
      return list_of<double>(node);
    case ValueKind::text_list:
    case ValueKind::endpoint_list:
      return list_of<std::string>(node);
    case ValueKind::text:
    case ValueKind::path:
    case ValueKind::endpoint:
    case ValueKind::choice:
      return one_of<std::string>(node);
    case ValueKind::duration:
    case ValueKind::size:
      break;
  }
  return std::nullopt;
}

ValueOrReason value_of(const SettingKey& key, const toml::node& node,
                       const std::filesystem::path& folder) {
  if (key.kind == ValueKind::duration || key.kind == ValueKind::size) {
    if (const auto text = node.value_exact<std::string>()) return parse_value(key, *text);
    return tl::unexpected("wants " + wants(key));
  }
  auto value = typed_value(key, node);
  if (!value) return tl::unexpected("wants " + wants(key));
  auto checked = check_value(key, std::move(*value));
  if (checked && key.kind == ValueKind::path) {
    const std::filesystem::path path = std::get<std::string>(*checked);
    if (path.is_relative()) checked = SettingValue{(folder / path).lexically_normal().string()};
  }
  return checked;
}

std::string unknown_key(std::string_view name) {
  std::string problem = std::string(name) + " is no setting";
  if (const auto nearest = nearest_setting_name(name)) {
    problem += "; did you mean " + std::string(*nearest) + "?";
  }
  return problem;
}

bool is_section(std::string_view name) {
  const auto keys = setting_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const SettingKey& key) {
    return key.name.substr(0, key.name.find('.')) == name;
  });
}

void read_section(const std::string& section, const toml::table& table,
                  const std::filesystem::path& file, FileSettings& result) {
  for (const auto& [key_name, node] : table) {
    const std::string name = section + "." + std::string(key_name.str());
    const SettingKey* key = find_setting_key(name);
    if (key == nullptr) {
      result.problems.push_back(at(file, key_name.source()) + unknown_key(name));
      continue;
    }
    result.settings.push_back({key, static_cast<int>(key_name.source().begin.line),
                               value_of(*key, node, file.parent_path())});
  }
}

void read_root(const toml::table& root, const std::filesystem::path& file, FileSettings& result) {
  for (const auto& [name, node] : root) {
    const toml::table* table = node.as_table();
    if (table != nullptr && is_section(name.str())) {
      read_section(std::string(name.str()), *table, file, result);
    } else if (is_section(name.str())) {
      result.problems.push_back(at(file, name.source()) + std::string(name.str()) +
                                " is a table; write [" + std::string(name.str()) + "]");
    } else {
      result.problems.push_back(at(file, name.source()) + unknown_key(name.str()));
    }
  }
}

}  // namespace

FileSettings read_toml_settings(const std::filesystem::path& file) {
  FileSettings result;
  std::string problem;
  const auto text = read_text(file, problem);
  if (!text) {
    result.problems.push_back(problem);
    return result;
  }
  try {
    read_root(toml::parse(*text), file, result);
  } catch (const toml::parse_error& error) {
    result.problems.push_back(at(file, error.source()) +
                              "not TOML: " + std::string(error.description()));
  }
  return result;
}

}  // namespace cecollm::apps
