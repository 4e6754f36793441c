#pragma once
// Where settings come from, and the merge of all sources into one value a key.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/setting_keys.hpp"
#include "apps/setting_value.hpp"

namespace cecollm::apps {

/// Environment variables that begin with CECOLLM_.
using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();

/// What was given on the command line, by setting name; several texts where a flag was repeated.
/// Settings of the other node are passed over.
using GivenFlags = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Defaults of one command that differ from the table's, by setting name.
using SettingDefaults = std::map<std::string, std::string, std::less<>>;

struct SettingSources {
  std::optional<std::filesystem::path> file;
  Environment environment;
  GivenFlags flags;
  SettingDefaults command_defaults{};
};

/// A value and where it was given: "edge.toml:12", "--heartbeat", "CECOLLM_LINK_HEARTBEAT" or
/// "default".
struct PlacedValue {
  SettingValue value;
  std::string place;
};

/// Every key of a node that has a value.
class SettingValues {
 public:
  void set(const SettingKey& key, PlacedValue value);
  bool has(std::string_view name) const;
  /// Where `name` was given, for messages: "edge.toml:12: link.silence_limit".
  std::string locate(std::string_view name) const;
  bool is_default(std::string_view name) const;

  /// The value of `name`, which must be set and hold a T.
  template <class T>
  const T& get(std::string_view name) const {
    return std::get<T>(find(name).value);
  }

 private:
  const PlacedValue& find(std::string_view name) const;
  std::map<std::string_view, PlacedValue> values_;
};

struct MergedSettings {
  SettingValues values;
  std::vector<std::string> problems;  // one sentence each, with its place
};

/// Reads and merges for one node. A value with a problem is left out of `values`.
MergedSettings merge_settings(Node node, const SettingSources& sources);

/// The nodes a file is written for, by the keys that only one of them has: empty where it has none,
/// both where it mixes them. Unreadable files give none.
std::vector<Node> nodes_of_file(const std::filesystem::path& file);

}  // namespace cecollm::apps
