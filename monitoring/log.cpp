#include "monitoring/log.hpp"

#include <atomic>
#include <utility>

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
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

/// The sinks put the time in; what follows it comes as the message.
const char* pattern_of(LogFormat format) {
  return format == LogFormat::json ? "{\"ts\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\"%v}"
                                   : "ts=%Y-%m-%dT%H:%M:%S.%eZ level=%l%v";
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

std::string_view name_of(LogFormat format) {
  return format == LogFormat::json ? "json" : "logfmt";
}

Result<LogFormat> log_format_from_name(std::string_view name) {
  for (const LogFormat format : {LogFormat::logfmt, LogFormat::json}) {
    if (name == name_of(format)) return format;
  }
  return fail(ErrorCode::unknown_format,
              fmt::format("unknown log format '{}'; use logfmt or json", name));
}

std::string hexadecimal(std::uint64_t number) {
  return fmt::format("{:016x}", number);
}

/// What spdlog's thread holds for us. One for each logger and its copies.
struct Logger::Queue {
  explicit Queue(std::size_t most)
      : most_waiting(most), pool(std::make_shared<spdlog::details::thread_pool>(most, 1)) {}

  std::size_t most_waiting;
  std::shared_ptr<spdlog::details::thread_pool> pool;  // its end waits for what it holds
  std::atomic<std::size_t> reported = 0;               // of the lost ones
};

Logger::Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink,
               LogFormat format)
    : Logger(node, level, std::make_shared<spdlog::logger>("cecollm", std::move(sink)), format) {}

Logger Logger::queued(std::string_view node, LogLevel level,
                      std::shared_ptr<spdlog::sinks::sink> sink, LogFormat format,
                      std::size_t most_waiting) {
  auto queue = std::make_shared<Queue>(most_waiting);
  Logger logger(
      node, level,
      std::make_shared<spdlog::async_logger>("cecollm", std::move(sink), queue->pool,
                                             spdlog::async_overflow_policy::overrun_oldest),
      format);
  logger.queue_ = std::move(queue);
  return logger;
}

Logger::Logger(std::string_view node, LogLevel level, std::shared_ptr<spdlog::logger> logger,
               LogFormat format)
    : sink_(std::move(logger)), format_(format) {
  append_fields(node_, {{"node", node}});
  sink_->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern_of(format),
                                                                   spdlog::pattern_time_type::utc));
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
  if (queue_) report_lost();
  std::string line = node_;
  if (format_ == LogFormat::json) {
    append_fields(line, {{"msg", message}});
  } else {
    line += " msg=";
    append_quoted(line, message);  // always, so that phrases look alike
  }
  line += bound_;
  append_fields(line, fields);
  sink_->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void Logger::report_lost() const {
  auto& queue = *queue_;
  const std::size_t lost = queue.pool->overrun_counter();
  auto reported = queue.reported.load();
  if (lost == reported || queue.pool->queue_size() > queue.most_waiting / 2) return;
  if (!queue.reported.compare_exchange_strong(reported, lost)) return;  // another thread does
  warning("log lines were lost: their reader was too slow", {{"lines", lost - reported}});
}

void Logger::append_fields(std::string& out, std::initializer_list<Field> fields) const {
  for (const Field& field : fields) {
    if (format_ == LogFormat::json) {
      out += ',';
      field.append_json(out);
    } else {
      field.append_logfmt(out);
    }
  }
}

Logger stderr_logger(std::string_view node, LogLevel level, LogFormat format) {
  constexpr std::size_t most_waiting = 8192;
  return Logger::queued(node, level, std::make_shared<spdlog::sinks::stderr_sink_mt>(), format,
                        most_waiting);
}

}  // namespace cecollm::monitoring
