#pragma once
// Structured logs: one logfmt line an event,
//   ts=2026-01-31T12:00:00.123Z level=info node=edge-1 msg="mode changed" generation=17 rtt_ms=48.2
// Times are UTC. A message is a constant phrase; what varies goes into fields, so that lines can be
// counted and joined: `generation` and `context` tie edge and cloud together. Never log secrets,
// prompts or hidden states.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "monitoring/error.hpp"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace cecollm::monitoring {

enum class LogLevel { trace, debug, info, warning, error, off };

std::string_view name_of(LogLevel level);
/// "trace", "debug", "info", "warning", "error", "off".
Result<LogLevel> log_level_from_name(std::string_view name);

/// One `key=value`. Keys are constants of the form [a-z0-9_.]+; values are escaped. Refers to text
/// without owning it: lives as long as the statement that logs.
class Field {
 public:
  template <class T>
  Field(std::string_view key, const T& value) : key_(key), value_(convert(value)) {}
  std::string_view key() const { return key_; }

 private:
  friend class Logger;
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

/// A cheap value; copies share their sink and level. Thread-safe. A default-made one says nothing.
class Logger {
 public:
  Logger() = default;
  /// `node` names this process in every line.
  Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink);

  /// The same logger with `fields` in every line, for a generation or a connection.
  Logger with(std::initializer_list<Field> fields) const;

  /// Takes effect at once, for all copies.
  void set_level(LogLevel level) const;
  bool enabled(LogLevel level) const;

  void log(LogLevel level, std::string_view message,
           std::initializer_list<Field> fields = {}) const;
  void debug(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(LogLevel::info, message, fields);
  }
  void warning(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) const {
    log(LogLevel::error, message, fields);
  }

 private:
  static void append_fields(std::string& out, std::initializer_list<Field> fields);

  std::shared_ptr<spdlog::logger> sink_;
  std::string node_;   // " node=…", escaped
  std::string bound_;  // " key=value …" of with()
};

/// Logs to standard error.
Logger stderr_logger(std::string_view node, LogLevel level);

}  // namespace cecollm::monitoring
