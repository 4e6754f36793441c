#pragma once
// From text to checked values: durations, sizes, numbers, lists.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "apps/setting_keys.hpp"

namespace cecollm::apps {

/// Integers also hold sizes (bytes); strings also hold paths, endpoints and choices.
using SettingValue =
    std::variant<bool, std::int64_t, double, std::string, std::chrono::milliseconds,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

/// A value, or what is wrong with it in a few words: "'5' is no duration; write 250ms, 5s, …".
using ValueOrReason = tl::expected<SettingValue, std::string>;

/// Reads `text` as `key` wants it (lists: comma-separated, text lists: one element) and checks the
/// range.
ValueOrReason parse_value(const SettingKey& key, std::string_view text);

/// Checks range, choice and form of a value that has the type `key` wants already.
ValueOrReason check_value(const SettingKey& key, SettingValue value);

tl::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text);
tl::expected<std::int64_t, std::string> parse_size(std::string_view text);

/// "1,2,3", also with blanks: every element a whole number.
tl::expected<std::vector<std::int64_t>, std::string> parse_integer_list(std::string_view text);

}  // namespace cecollm::apps
