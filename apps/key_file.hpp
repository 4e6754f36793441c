#pragma once
// The file of the API's keys on disk. It is replaced as a whole, so that a node that reads it at
// that moment sees the old one or the new one.

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "apps/api_keys.hpp"
#include "apps/failure.hpp"

namespace cecollm::apps {

/// Fails where the file cannot be read or holds anything but keys.
Outcome<ApiKeys> load_api_keys(const std::filesystem::path& file);

/// Adds a key called `name` and gives it in clear, which nobody can later. Makes the file where
/// there is none, for its owner alone; else owner, rights and other lines stay. Fails where the
/// name is taken, the file is none of keys, or another change of it is under way.
Outcome<std::string> add_api_key(const std::filesystem::path& file, const std::string& name,
                                 std::chrono::system_clock::time_point now);

/// Fails where there is no such key.
Outcome<void> remove_api_key(const std::filesystem::path& file, std::string_view name);

}  // namespace cecollm::apps
