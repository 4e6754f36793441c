#pragma once
// One `key=value` of a log line or of a trace's event, and its two spellings.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace cecollm::monitoring {

/// Keys are constants of the form [a-z0-9_.]+; values are escaped. Refers to text without owning
/// it: lives as long as the statement that logs.
class Field {
 public:
  template <class T>
  Field(std::string_view key, const T& value) : key_(key), value_(convert(value)) {}
  std::string_view key() const { return key_; }

  /// ` key=value`, the value in quotes where it needs them.
  void append_logfmt(std::string& out) const;
  /// `"key":value`. What JSON has no number for is null.
  void append_json(std::string& out) const;

 private:
  using Value = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;
  template <class T>
  static Value convert(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      return value;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<std::uint64_t>(value);
    } else {
      return std::string_view(value);
    }
  }
  std::string_view key_;
  Value value_;
};

/// Text in quotes where logfmt needs them, else as it is.
void append_logfmt_text(std::string& out, std::string_view text);
/// Always in quotes; what a terminal or a reader of lines could mistake is escaped.
void append_quoted(std::string& out, std::string_view text);
/// A JSON string: in quotes, control characters escaped, what is no UTF-8 replaced by U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace cecollm::monitoring
