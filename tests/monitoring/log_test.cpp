#include "monitoring/log.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>

namespace cecollm::monitoring {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  std::string text() const { return out_.str(); }
  std::string last_line() const {
    std::string all = out_.str();
    if (!all.empty() && all.back() == '\n') all.pop_back();
    const auto newline = all.rfind('\n');
    return newline == std::string::npos ? all : all.substr(newline + 1);
  }
  std::ostringstream out_;
  Logger log_{"edge-1", LogLevel::info, std::make_shared<spdlog::sinks::ostream_sink_mt>(out_)};
};

TEST_F(LogTest, WritesOneLogfmtLineAnEvent) {
  log_.info("mode changed", {{"generation", 17}, {"rtt_ms", 48.25}, {"forced", false}});
  EXPECT_THAT(text(), MatchesRegex("ts=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\."
                                   "[0-9]{3}Z level=info node=edge-1 msg=\"mode changed\" "
                                   "generation=17 rtt_ms=48\\.25 forced=false\n"));
}

TEST_F(LogTest, NamesEveryLevel) {
  log_.set_level(LogLevel::trace);
  for (const LogLevel level :
       {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    log_.log(level, "x");
    EXPECT_THAT(last_line(), HasSubstr("level=" + std::string(name_of(level)) + " node="));
  }
}

TEST_F(LogTest, DropsWhatIsBelowItsLevel) {
  log_.debug("hidden");
  EXPECT_EQ(text(), "");
  EXPECT_FALSE(log_.enabled(LogLevel::debug));
  EXPECT_TRUE(log_.enabled(LogLevel::info));
}

TEST_F(LogTest, ChangesTheLevelOfAllCopies) {
  const Logger copy = log_.with({{"generation", 1}});
  log_.set_level(LogLevel::debug);
  copy.debug("now seen");
  EXPECT_THAT(last_line(), HasSubstr("now seen"));
  log_.set_level(LogLevel::off);
  copy.error("not seen");
  copy.log(LogLevel::off, "never seen");
  EXPECT_THAT(text(), testing::Not(HasSubstr("not seen")));
  EXPECT_THAT(text(), testing::Not(HasSubstr("never seen")));
}

TEST_F(LogTest, KeepsBoundFieldsBeforeItsOwn) {
  const Logger generation = log_.with({{"generation", 3U}}).with({{"context", "c-9"}});
  generation.warning("late", {{"position", 12}});
  EXPECT_THAT(last_line(), EndsWith("msg=\"late\" generation=3 context=c-9 position=12"));
  log_.info("unbound");
  EXPECT_THAT(last_line(), EndsWith("msg=\"unbound\""));
}

TEST_F(LogTest, QuotesAndEscapesWhatWouldBreakALine) {
  log_.info("a \"quoted\"\nmessage", {{"plain", "abc/def:7"},
                                      {"empty", ""},
                                      {"space", "a b"},
                                      {"equals", "a=b"},
                                      {"forged", "x\nts=0 level=error"},
                                      {"control", std::string("a\x1b[31m")},
                                      {"path", "C:\\x"},
                                      {"tab", "a\tb\r"}});
  EXPECT_THAT(last_line(), EndsWith("msg=\"a \\\"quoted\\\"\\nmessage\" plain=abc/def:7 empty=\"\" "
                                    "space=\"a b\" equals=\"a=b\" forged=\"x\\nts=0 level=error\" "
                                    "control=\"a\\u001b[31m\" path=\"C:\\\\x\" tab=\"a\\tb\\r\""));
}

TEST_F(LogTest, DoesNotReadBracesAsFormats) {
  log_.info("{} {0} %v", {{"value", "{}"}});
  EXPECT_THAT(last_line(), EndsWith("msg=\"{} {0} %v\" value={}"));
}

TEST_F(LogTest, WritesIntegersExactlyAndNumbersShortly) {
  log_.info("n", {{"max", std::numeric_limits<std::uint64_t>::max()},
                  {"min", std::numeric_limits<std::int64_t>::min()},
                  {"third", 1.0 / 3.0},
                  {"float", 0.5F}});
  EXPECT_THAT(last_line(), EndsWith("max=18446744073709551615 min=-9223372036854775808 "
                                    "third=0.333333 float=0.5"));
}

TEST_F(LogTest, KeepsLinesWholeUnderThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 200; ++i) log_.info("tick", {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(text());
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    ++count;
    ASSERT_THAT(line, MatchesRegex("ts=.* level=info node=edge-1 msg=\"tick\" thread=[0-9] "
                                   "i=[0-9]+"));
  }
  EXPECT_EQ(count, 800);
}

TEST(Log, EscapesTheNameOfItsNode) {
  std::ostringstream out;
  const Logger log("edge one", LogLevel::info,
                   std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  log.info("x");
  EXPECT_THAT(out.str(), HasSubstr(" node=\"edge one\" msg="));
}

TEST(Log, SaysNothingWhenDefaultMade) {
  const Logger log;
  EXPECT_FALSE(log.enabled(LogLevel::error));
  log.error("nobody hears this");
  log.with({{"a", 1}}).error("nor this");
  log.set_level(LogLevel::trace);
  EXPECT_FALSE(log.enabled(LogLevel::error));
}

TEST(Log, GoesToStandardError) {
  testing::internal::CaptureStderr();
  {
    const Logger log = stderr_logger("n", LogLevel::info);
    log.info("hello");
    log.error("world");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("level=info node=n msg=\"hello\"\n"));
  EXPECT_THAT(text, HasSubstr("level=error node=n msg=\"world\"\n"));
}

/// Takes lines once it is let; until then, whoever writes waits.
class StallingSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  void let() {
    const std::lock_guard lock(mutex_);
    let_ = true;
    changed_.notify_all();
  }
  /// False after a while without such a line.
  bool await(const std::string& end) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return !lines_.empty() && lines_.back().ends_with(end); });
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return let_; });
    lines_.emplace_back(message.payload.data(), message.payload.size());
    changed_.notify_all();
  }
  void flush_() override {}

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool let_ = false;
  std::vector<std::string> lines_;
};

TEST(QueuedLog, LetsNobodyWaitForItsReaderAndCountsWhatIsLost) {
  const auto sink = std::make_shared<StallingSink>();
  const Logger log = Logger::queued("n", LogLevel::info, sink, LogFormat::logfmt, 10);
  for (int i = 0; i < 100; ++i) log.info("event", {{"number", i}});
  sink->let();
  ASSERT_TRUE(sink->await("number=99"));
  const auto kept = sink->lines().size();
  EXPECT_LE(kept, 11U);
  log.info("later");
  ASSERT_TRUE(sink->await("msg=\"later\""));
  const auto lines = sink->lines();
  ASSERT_EQ(lines.size(), kept + 2);
  EXPECT_THAT(lines[kept], HasSubstr("log lines were lost"));
  EXPECT_THAT(lines[kept], EndsWith("lines=" + std::to_string(100 - kept)));
}

TEST(QueuedLog, WritesWhatWaitsAtItsEnd) {
  const auto sink = std::make_shared<StallingSink>();
  {
    const Logger log = Logger::queued("n", LogLevel::info, sink, LogFormat::logfmt, 10);
    for (int i = 0; i < 5; ++i) log.info("event");
    sink->let();
  }
  EXPECT_EQ(sink->lines().size(), 5U);
}

nlohmann::json only_line_of(const std::ostringstream& out) {
  const auto text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  return nlohmann::json::parse(text);
}

TEST(JsonLog, WritesAnObjectALineWithTheFieldsOfLogfmt) {
  std::ostringstream out;
  const Logger log("edge one", LogLevel::info,
                   std::make_shared<spdlog::sinks::ostream_sink_mt>(out), LogFormat::json);
  log.with({{"generation", 17}})
      .warning("mode changed", {{"rtt_ms", 48.25},
                                {"forced", false},
                                {"reason", "a \"quoted\"\nreason"},
                                {"max", std::numeric_limits<std::uint64_t>::max()}});
  const auto line = only_line_of(out);
  EXPECT_THAT(line.at("ts").get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"));
  EXPECT_EQ(line.at("level"), "warning");
  EXPECT_EQ(line.at("node"), "edge one");
  EXPECT_EQ(line.at("msg"), "mode changed");
  EXPECT_EQ(line.at("generation"), 17);
  EXPECT_EQ(line.at("rtt_ms"), 48.25);
  EXPECT_EQ(line.at("forced"), false);
  EXPECT_EQ(line.at("reason"), "a \"quoted\"\nreason");
  EXPECT_EQ(line.at("max"), std::numeric_limits<std::uint64_t>::max());
}

TEST(JsonLog, StaysJsonWhateverItIsGiven) {
  std::ostringstream out;
  const Logger log("n", LogLevel::info, std::make_shared<spdlog::sinks::ostream_sink_mt>(out),
                   LogFormat::json);
  log.info("{} %v", {{"no_number", std::numeric_limits<double>::quiet_NaN()},
                     {"endless", std::numeric_limits<double>::infinity()},
                     {"control", std::string("a\x1b\x7f")},
                     {"umlaut", "\xC3\xA4\xF0\x9F\x98\x80"},
                     {"broken", "a\xC3 \xED\xA0\x80 \xF5z\xE2\x82"}});
  const auto line = only_line_of(out);
  EXPECT_EQ(line.at("msg"), "{} %v");
  EXPECT_TRUE(line.at("no_number").is_null());
  EXPECT_TRUE(line.at("endless").is_null());
  EXPECT_EQ(line.at("control"), "a\x1b\x7f");
  EXPECT_EQ(line.at("umlaut"), "\xC3\xA4\xF0\x9F\x98\x80");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(line.at("broken"),
            "a" + mark + " " + mark + mark + mark + " " + mark + "z" + mark + mark);
}

TEST(LogFormat, IsReadFromItsName) {
  for (const LogFormat format : {LogFormat::logfmt, LogFormat::json}) {
    EXPECT_EQ(log_format_from_name(name_of(format)), format);
  }
  const auto format = log_format_from_name("xml");
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().code, ErrorCode::unknown_format);
  EXPECT_THAT(format.error().message, HasSubstr("'xml'"));
  EXPECT_THAT(format.error().message, HasSubstr("json"));
}

TEST(Hexadecimal, HasAlwaysSixteenDigits) {
  EXPECT_EQ(hexadecimal(0), "0000000000000000");
  EXPECT_EQ(hexadecimal(0xAB12), "000000000000ab12");
  EXPECT_EQ(hexadecimal(std::numeric_limits<std::uint64_t>::max()), "ffffffffffffffff");
}

TEST(LogLevel, IsReadFromItsName) {
  for (const LogLevel level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warning,
                               LogLevel::error, LogLevel::off}) {
    EXPECT_EQ(log_level_from_name(name_of(level)), level);
  }
}

TEST(LogLevel, ListsTheAllowedNamesForAnUnknownOne) {
  const auto level = log_level_from_name("verbose");
  ASSERT_FALSE(level);
  EXPECT_EQ(level.error().code, ErrorCode::unknown_level);
  EXPECT_THAT(level.error().message, HasSubstr("'verbose'"));
  EXPECT_THAT(level.error().message, HasSubstr("warning"));
}

}  // namespace
}  // namespace cecollm::monitoring
