#pragma once
// Structured logs: one line an event, in logfmt or as a JSON object with the same fields,
//   ts=2026-01-31T12:00:00.123Z level=info node=edge-1 msg="mode changed" generation=17 rtt_ms=48.2
// Times are UTC. A message is a constant phrase; what varies goes into fields, so that lines can be
// counted and joined: `instance`, the number that an edge's process gives itself, and `generation`
// tie edge and cloud together. Never log secrets, prompts or hidden states.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "monitoring/error.hpp"
#include "monitoring/field.hpp"

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

/// How a line is spelt.
enum class LogFormat { logfmt, json };
std::string_view name_of(LogFormat format);
/// "logfmt", "json".
Result<LogFormat> log_format_from_name(std::string_view name);

/// 16 hexadecimal digits: how random 64-bit numbers stand in logs.
std::string hexadecimal(std::uint64_t number);

/// A cheap value; copies share their sink and level. Thread-safe. A default-made one says nothing.
class Logger {
 public:
  Logger() = default;
  /// `node` names this process in every line.
  Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink,
         LogFormat format = LogFormat::logfmt);

  /// The same, but lines wait for a thread that writes them: a reader of the log that stalls does
  /// not stall whoever logs. Of more than `most_waiting` the oldest are lost, and counted in a line
  /// of their own once half of the room is free. The end of the last copy writes what waits.
  static Logger queued(std::string_view node, LogLevel level,
                       std::shared_ptr<spdlog::sinks::sink> sink, LogFormat format,
                       std::size_t most_waiting);

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
  struct Queue;
  Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::logger> logger,
         LogFormat format);
  /// Of lines that the queue had no room for, if there are any that nobody was told of.
  void report_lost() const;
  void append_fields(std::string& out, std::initializer_list<Field> fields) const;

  std::shared_ptr<spdlog::logger> sink_;
  std::shared_ptr<Queue> queue_;  // null: lines are written at once. Ends before the sink
  LogFormat format_ = LogFormat::logfmt;
  std::string node_;   // in the format's spelling, like the next
  std::string bound_;  // fields of with()
};

/// Logs to standard error, by a queue of 8192 lines.
Logger stderr_logger(std::string_view node, LogLevel level, LogFormat format = LogFormat::logfmt);

}  // namespace cecollm::monitoring
