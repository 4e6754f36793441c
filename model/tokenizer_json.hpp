#pragma once
// Reading tokenizer.json without exceptions: a view of one JSON value that knows its place in the
// file. Internal to the tokenizer.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "model/error.hpp"

namespace cecollm::model {

/// Keeps the first thing found wrong with a file; the reader goes on with neutral values, and
/// whoever started it asks for `error` at the end.
struct Diagnosis {
  std::string file;
  std::optional<Error> error;
};

/// One value of the file. Values that are absent or of the wrong type are recorded in the diagnosis
/// and read as neutral ones. Refers to the document and the diagnosis, which must outlive it.
class JsonView {
 public:
  /// How deeply components may hold one another.
  static constexpr int max_nesting = 8;

  JsonView(const nlohmann::json& document, Diagnosis& diagnosis);

  /// Member of an object; an absent member gives a view that is_null().
  JsonView member(std::string_view key) const;
  JsonView element(std::size_t index) const;
  /// Elements of an array, or 0.
  std::size_t size() const;

  bool is_null() const;
  bool is_string() const;
  bool is_array() const;

  std::string string() const;
  bool boolean() const;
  bool boolean_or(bool fallback) const;
  std::int64_t integer(std::int64_t min, std::int64_t max) const;
  /// The single character of a one-character string, as UTF-8.
  std::string character() const;
  const nlohmann::json& value() const { return *value_; }

  void malformed(std::string_view reason) const;
  void unsupported(std::string_view reason) const;
  bool failed() const { return diagnosis_->error.has_value(); }

 private:
  JsonView(const nlohmann::json* value, std::string path, Diagnosis* diagnosis);
  void record(ErrorCode code, std::string_view reason) const;

  const nlohmann::json* value_;
  std::string path_;  // as in "model.merges[3]"
  Diagnosis* diagnosis_;
};

}  // namespace cecollm::model
