#include "model/json_file.hpp"

#include <cmath>
#include <fstream>

#include "model/quoting.hpp"

namespace cecollm::model {

using nlohmann::json;

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) {
    return fail(ErrorCode::unreadable, path.string() + ": no such file");
  }
  // A pipe or a device could block or never end.
  if (!std::filesystem::is_regular_file(status)) {
    return fail(ErrorCode::unreadable, path.string() + ": not a regular file");
  }
  const auto size = std::filesystem::file_size(path, code);
  std::ifstream stream(path, std::ios::binary);
  if (code || !stream) {
    return fail(ErrorCode::unreadable, path.string() + ": cannot be opened for reading");
  }
  if (size > max_bytes) {
    return fail(ErrorCode::malformed, path.string() + ": " + std::to_string(size) +
                                          " bytes long, at most " + std::to_string(max_bytes) +
                                          " are accepted");
  }
  std::string content(static_cast<std::size_t>(size), '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (stream.bad() || static_cast<std::size_t>(stream.gcount()) != content.size()) {
    return fail(ErrorCode::unreadable, path.string() + ": reading failed");
  }
  return content;
}

Result<json> read_json_object(const std::filesystem::path& path, std::size_t max_bytes) {
  auto content = read_file(path, max_bytes);
  if (!content) return tl::unexpected(content.error());
  try {
    auto parsed = json::parse(*content);
    if (!parsed.is_object()) {
      return fail(ErrorCode::malformed,
                  path.string() + ": a JSON object was expected, not " + parsed.type_name());
    }
    return parsed;
  } catch (const json::parse_error& error) {
    return fail(ErrorCode::malformed,
                path.string() + ": invalid JSON at byte " + std::to_string(error.byte));
  } catch (const json::out_of_range&) {
    return fail(ErrorCode::malformed, path.string() + ": invalid JSON, a number is out of range");
  }
}

FieldReader::FieldReader(const json& object, std::filesystem::path file, std::string prefix)
    : object_(object), file_(std::move(file)), prefix_(std::move(prefix)) {}

void FieldReader::fail(ErrorCode code, std::string_view key, std::string_view reason) {
  if (error_) return;
  error_ =
      Error{code, file_.string() + ": " + prefix_ + std::string(key) + ": " + std::string(reason)};
}

void FieldReader::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

const json* FieldReader::find(std::string_view key) const {
  if (!object_.is_object()) return nullptr;
  const auto it = object_.find(std::string(key));
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool FieldReader::states(std::string_view key) const {
  return object_.is_object() && object_.contains(std::string(key));
}

int FieldReader::checked_int(const json& value, std::string_view key, int lowest, int highest) {
  const auto range =
      "must be a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest);
  const bool fits_int64 = value.is_number_integer() &&
                          (!value.is_number_unsigned() ||
                           value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits_int64) {
    fail(ErrorCode::malformed, key, range);
    return lowest;
  }
  const auto number = value.get<std::int64_t>();
  if (number < lowest || number > highest) {
    fail(ErrorCode::malformed, key, range + ", not " + std::to_string(number));
    return lowest;
  }
  return static_cast<int>(number);
}

int FieldReader::required_int(std::string_view key, int lowest, int highest) {
  const auto* value = find(key);
  if (value == nullptr) {
    fail(ErrorCode::malformed, key, "missing");
    return lowest;
  }
  return checked_int(*value, key, lowest, highest);
}

int FieldReader::int_or(std::string_view key, int fallback, int lowest, int highest) {
  const auto* value = find(key);
  return value == nullptr ? fallback : checked_int(*value, key, lowest, highest);
}

bool FieldReader::flag_or(std::string_view key, bool fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    fail(ErrorCode::malformed, key, "must be true or false");
    return fallback;
  }
  return value->get<bool>();
}

double FieldReader::required_number(std::string_view key, double lowest) {
  const auto* value = find(key);
  if (value == nullptr) {
    fail(ErrorCode::malformed, key, "missing");
    return lowest;
  }
  const double number = value->is_number() ? value->get<double>() : NAN;
  if (!std::isfinite(number) || number < lowest) {
    fail(ErrorCode::malformed, key, "must be a number not below " + json(lowest).dump());
    return lowest;
  }
  return number;
}

double FieldReader::number_or(std::string_view key, double fallback, double lowest) {
  return find(key) == nullptr ? fallback : required_number(key, lowest);
}

std::optional<std::string> FieldReader::text(std::string_view key) {
  const auto* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fail(ErrorCode::malformed, key, "must be a string");
    return std::nullopt;
  }
  return value->get<std::string>();
}

}  // namespace cecollm::model
