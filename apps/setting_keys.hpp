#pragma once
// The one table of everything that can be set. Flags, environment names, the check for unknown keys
// and the table in docs/configuration.md are derived from it.

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cecollm::apps {

enum class Node { edge, cloud };
std::string_view name_of(Node node);

enum class AppliesTo { edge, cloud, both };

enum class ValueKind {
  text,
  path,
  boolean,
  integer,
  real,
  duration,  // "250ms", "5s", "2min", "1h"
  size,      // "64KiB", "8MiB", "1GiB"
  endpoint,  // "HOST:PORT"
  choice,    // one of `choices`
  integer_list,
  real_list,
  text_list,
  endpoint_list,  // "HOST:PORT,HOST:PORT"
};
std::string_view name_of(ValueKind kind);

struct SettingKey {
  std::string_view name;  // "link.heartbeat": table and key of the TOML file
  std::string_view flag;  // "--heartbeat"; "--no-…" for a switch that is on by default
  ValueKind kind = ValueKind::text;
  std::string_view default_text{};  // as in a flag; empty: not set
  AppliesTo applies_to = AppliesTo::both;
  std::string_view help;       // one sentence without a full stop
  std::string_view choices{};  // "a|b|c" where kind is choice
  /// Inclusive range of numbers, of every element of a list, of milliseconds and of bytes.
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
};

std::span<const SettingKey> setting_keys();
const SettingKey* find_setting_key(std::string_view name);
bool applies(const SettingKey& key, Node node);

/// "CECOLLM_LINK_HEARTBEAT".
std::string environment_name(const SettingKey& key);

/// The known name nearest to `name`, where one is near enough to be meant.
std::optional<std::string_view> nearest_setting_name(std::string_view name);

/// The table of docs/configuration.md, in Markdown.
std::string render_setting_table();

}  // namespace cecollm::apps
