#include "monitoring/log.hpp"

#include <iterator>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace cecollm::monitoring {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\' || is_control(c)) return true;
  }
  return false;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (is_control(c)) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_value(std::string& out, std::string_view text) {
  if (needs_quotes(text)) {
    append_quoted(out, text);
  } else {
    out += text;
  }
}

}  // namespace

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return "trace";
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      break;
  }
  return "off";
}

Result<LogLevel> log_level_from_name(std::string_view name) {
  for (const LogLevel level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warning,
                               LogLevel::error, LogLevel::off}) {
    if (name == name_of(level)) return level;
  }
  return fail(
      ErrorCode::unknown_level,
      fmt::format("unknown log level '{}'; use trace, debug, info, warning, error or off", name));
}

Logger::Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink)
    : sink_(std::make_shared<spdlog::logger>("cecollm", std::move(sink))), node_(" node=") {
  append_value(node_, node);
  sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "ts=%Y-%m-%dT%H:%M:%S.%eZ level=%l%v", spdlog::pattern_time_type::utc));
  sink_->set_level(to_spdlog(level));
  sink_->flush_on(spdlog::level::warn);
}

Logger Logger::with(std::initializer_list<Field> fields) const {
  Logger result = *this;
  append_fields(result.bound_, fields);
  return result;
}

void Logger::set_level(LogLevel level) const {
  if (sink_) sink_->set_level(to_spdlog(level));
}

bool Logger::enabled(LogLevel level) const {
  return sink_ && level != LogLevel::off && sink_->should_log(to_spdlog(level));
}

void Logger::log(LogLevel level, std::string_view message,
                 std::initializer_list<Field> fields) const {
  if (!enabled(level)) return;
  std::string line = node_;
  line += " msg=";
  append_quoted(line, message);
  line += bound_;
  append_fields(line, fields);
  sink_->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void Logger::append_fields(std::string& out, std::initializer_list<Field> fields) {
  for (const Field& field : fields) {
    out += ' ';
    out += field.key_;
    out += '=';
    std::visit(
        [&out](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::string_view>) {
            append_value(out, value);
          } else if constexpr (std::is_same_v<T, double>) {
            fmt::format_to(std::back_inserter(out), "{:.6g}", value);
          } else {
            fmt::format_to(std::back_inserter(out), "{}", value);
          }
        },
        field.value_);
  }
}

Logger stderr_logger(std::string_view node, LogLevel level) {
  return {node, level, std::make_shared<spdlog::sinks::stderr_sink_mt>()};
}

}  // namespace cecollm::monitoring
