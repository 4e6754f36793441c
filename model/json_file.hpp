#pragma once
// Small JSON files of a checkpoint: read whole, bounded, parsed, with errors that name the file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "model/error.hpp"

namespace cecollm::model {

/// The content of the regular file `path`; `malformed` where it is longer than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);

/// The JSON object in `path`.
Result<nlohmann::json> read_json_object(const std::filesystem::path& path, std::size_t max_bytes);

/// Typed reads of one JSON object's members. The first error sticks and every later read gives its
/// fallback, so a caller reads all it needs and looks at `error` once. Refers to `object`.
class FieldReader {
 public:
  /// `prefix` is put before keys in messages: "early_exit." names early_exit.layers.
  FieldReader(const nlohmann::json& object, std::filesystem::path file, std::string prefix = "");

  const std::optional<Error>& error() const { return error_; }
  void fail(ErrorCode code, std::string_view key, std::string_view reason);
  /// Takes over the error of a reader of a nested object.
  void fail(Error error);

  /// The member, or null where it is absent or JSON null.
  const nlohmann::json* find(std::string_view key) const;
  /// True for JSON null too.
  bool states(std::string_view key) const;

  int required_int(std::string_view key, int lowest, int highest);
  int int_or(std::string_view key, int fallback, int lowest, int highest);
  bool flag_or(std::string_view key, bool fallback);
  /// A finite number >= lowest.
  double number_or(std::string_view key, double fallback, double lowest);
  double required_number(std::string_view key, double lowest);
  std::optional<std::string> text(std::string_view key);
  /// A whole number within bounds; `key` is for the message.
  int checked_int(const nlohmann::json& value, std::string_view key, int lowest, int highest);

 private:
  const nlohmann::json& object_;
  std::filesystem::path file_;
  std::string prefix_;
  std::optional<Error> error_;
};

}  // namespace cecollm::model
