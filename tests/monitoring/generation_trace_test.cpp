#include "monitoring/generation_trace.hpp"

#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/file_size_limit.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::monitoring {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const GenerationTrace::TimePoint start{1h};

/// The events but the names of processes and threads.
std::vector<nlohmann::json> events_of(const GenerationTrace& trace) {
  std::vector<nlohmann::json> events;
  const auto json = nlohmann::json::parse(trace.to_json());
  for (const auto& event : json.at("traceEvents")) {
    if (event.at("ph") != "M") events.push_back(event);
  }
  return events;
}

TEST(GenerationTrace, IsJsonEvenWhenEmpty) {
  const GenerationTrace trace(17);
  const auto json = nlohmann::json::parse(trace.to_json());
  EXPECT_EQ(json.at("otherData").at("generation"), "17");
  EXPECT_EQ(json.at("otherData").at("dropped_events"), "0");
  EXPECT_TRUE(events_of(trace).empty());
}

TEST(GenerationTrace, NamesItsTracksAndSetsTheCloudApart) {
  const auto json = nlohmann::json::parse(GenerationTrace(1).to_json());
  std::vector<std::string> names;
  for (const auto& event : json.at("traceEvents")) {
    names.push_back(event.at("args").at("name"));
  }
  EXPECT_THAT(
      names, testing::IsSupersetOf({"edge", "cloud, as it reports", "generation", "shallow compute",
                                    "exit decision", "uplink", "cloud"}));
}

TEST(GenerationTrace, CountsMicrosecondsFromTheFirstEvent) {
  GenerationTrace trace(1);
  trace.span(TraceTrack::generation, "tokenize", start + 1500ns, start + 4ms, {{"tokens", 3}});
  trace.mark(TraceTrack::uplink, "ask", start);
  const auto events = events_of(trace);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].at("ph"), "i");
  EXPECT_EQ(events[0].at("ts"), 0);
  EXPECT_EQ(events[1].at("ph"), "X");
  EXPECT_EQ(events[1].at("ts"), 1.5);
  EXPECT_EQ(events[1].at("dur"), 3998.5);
  EXPECT_EQ(events[1].at("args").at("tokens"), 3);
  EXPECT_NE(events[0].at("tid"), events[1].at("tid"));
}

TEST(GenerationTrace, PutsASpanBeforeThoseWithinIt) {
  GenerationTrace trace(1);
  trace.span(TraceTrack::generation, "inner", start, start + 1ms);
  trace.span(TraceTrack::generation, "outer", start, start + 2ms);
  trace.finish(start, start + 3ms, {});
  const auto events = events_of(trace);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].at("name"), "generation");
  EXPECT_EQ(events[1].at("name"), "outer");
  EXPECT_EQ(events[2].at("name"), "inner");
}

TEST(GenerationTrace, GivesFlightsABeginAndAnEndThatBelongTogether) {
  GenerationTrace trace(1);
  trace.flight(TraceTrack::uplink, "rows", 4, start, start + 5ms, {{"rows", 4}});
  const auto events = events_of(trace);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].at("ph"), "b");
  EXPECT_EQ(events[1].at("ph"), "e");
  EXPECT_EQ(events[1].at("ts"), 5000);
  for (const auto* key : {"name", "cat", "id", "pid"}) {
    EXPECT_EQ(events[0].at(key), events[1].at(key));
  }
}

TEST(GenerationTrace, DropsAndCountsWhatIsTooMuchButNeverTheWhole) {
  GenerationTrace trace(1, 2);
  for (int i = 0; i < 5; ++i) trace.mark(TraceTrack::generation, "emit", start + i * 1ms);
  trace.finish(start, start + 9ms, {});
  EXPECT_EQ(trace.dropped(), 3U);
  const auto events = events_of(trace);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].at("name"), "generation");
  EXPECT_THAT(trace.to_json(), HasSubstr("\"dropped_events\":\"3\""));
}

TEST(GenerationTrace, TakesEventsOfSeveralThreads) {
  GenerationTrace trace(1);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&trace] {
      for (int i = 0; i < 200; ++i) trace.mark(TraceTrack::generation, "emit", start + i * 1us);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(events_of(trace).size(), 800U);
}

TEST(TraceFile, IsReplacedAsAWhole) {
  const tests::TemporaryDirectory folder;
  const auto file = folder.write("trace.json", "older");
  GenerationTrace trace(1);
  trace.finish(start, start + 3ms, {});
  ASSERT_TRUE(write_trace_file(trace, file));
  EXPECT_EQ(tests::read_whole_file(file), trace.to_json());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "something is left beside it";
}

TEST(TraceFile, LeavesNothingBehindWhereTheDiskIsFull) {
  const tests::TemporaryDirectory folder;
  const auto file = folder.write("trace.json", "older");
  GenerationTrace trace(1);
  trace.finish(start, start + 3ms, {});
  const auto written = [&] {
    const tests::FileSizeLimit full(16);
    return write_trace_file(trace, file);
  }();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::not_written);
  EXPECT_EQ(tests::read_whole_file(file), "older");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(TraceFile, SaysWhyItCouldNotBeWritten) {
  const auto written = write_trace_file(GenerationTrace(1), "/no/such/folder/trace.json");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::not_written);
  EXPECT_THAT(written.error().message, HasSubstr("/no/such/folder/trace.json"));
  EXPECT_THAT(written.error().message, HasSubstr("No such file"));
}

}  // namespace
}  // namespace cecollm::monitoring
