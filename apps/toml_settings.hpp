#pragma once
// The TOML file of one node, read against the table of keys.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "apps/setting_keys.hpp"
#include "apps/setting_value.hpp"

namespace cecollm::apps {

struct FileSetting {
  const SettingKey* key = nullptr;
  int line = 0;
  ValueOrReason value;  // relative paths are made relative to the file's folder
};

struct FileSettings {
  std::vector<FileSetting> settings;
  /// Unknown keys, broken syntax, an unreadable file: sentences with FILE:LINE.
  std::vector<std::string> problems;
};

/// Reads at most 1 MiB. Keys of either node are accepted here.
FileSettings read_toml_settings(const std::filesystem::path& file);

}  // namespace cecollm::apps
