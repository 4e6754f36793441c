#include "load/load_report.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "load/metrics_text.hpp"
#include "load/report_html.hpp"
#include "load/report_json.hpp"
#include "load/report_table.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cecollm::load {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using Kind = policy::Source::Kind;

/// Sent at `sent`, its tokens at `tokens`; every second one from the cloud.
RequestRecord request(RunTime sent, const std::vector<RunTime>& tokens) {
  RequestRecord record;
  record.due = record.sent = sent;
  record.prompt_tokens = 10;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    record.tokens.push_back({tokens[i], {i % 2 == 0 ? Kind::exit : Kind::cloud, 0}});
    if (i % 2 == 1) {
      record.asks.push_back({monitoring::AskOutcome::answered, 30ms, 10ms, 5ms});
      ++record.replies_checked;
    }
  }
  record.upload.bytes_up = 1000;
  return record;
}

RunLog two_requests() {
  RunLog log;
  log.description = {{"kind", "replay"}, {"cloud", "<here> & \"there\""}};
  log.edges = 2;
  log.duration = 2s;
  log.requests = {request(0s, {100ms, 200ms, 400ms}), request(1s, {1200ms})};
  return log;
}

TEST(Summary, InterpolatesBetweenSamplesAsNumPyDoes) {
  const auto summary = summarize({4, 1, 3, 2});
  EXPECT_EQ(summary.count, 4U);
  EXPECT_DOUBLE_EQ(summary.mean, 2.5);
  EXPECT_DOUBLE_EQ(summary.p50, 2.5);
  EXPECT_DOUBLE_EQ(summary.p90, 3.7);
  EXPECT_DOUBLE_EQ(summary.p95, 3.85);
  EXPECT_DOUBLE_EQ(summary.p99, 3.97);
  EXPECT_DOUBLE_EQ(summary.max, 4);
}

TEST(Summary, KnowsOneSampleAndNone) {
  const auto one = summarize({7});
  EXPECT_DOUBLE_EQ(one.p50, 7);
  EXPECT_DOUBLE_EQ(one.p99, 7);
  const auto none = summarize({});
  EXPECT_EQ(none.count, 0U);
  EXPECT_EQ(none.max, 0);
}

TEST(LoadReport, MeasuresFromSendingARequest) {
  const auto report = report_on(two_requests());
  EXPECT_DOUBLE_EQ(report.ttft.mean, 0.15);
  EXPECT_DOUBLE_EQ(report.e2e.max, 0.4);
  EXPECT_EQ(report.tpot.count, 1U);  // one token has none
  EXPECT_DOUBLE_EQ(report.tpot.mean, (0.4 - 0.1) / 2);
  EXPECT_EQ(report.itl.count, 2U);
  EXPECT_DOUBLE_EQ(report.itl.max, 0.2);
  EXPECT_DOUBLE_EQ(report.cloud_wait.mean, 0.03);
  EXPECT_DOUBLE_EQ(report.cloud_queue.mean, 0.01);
  EXPECT_DOUBLE_EQ(report.cloud_compute.mean, 0.005);
}

TEST(LoadReport, DividesByTheDuration) {
  const auto report = report_on(two_requests());
  EXPECT_DOUBLE_EQ(report.request_rate, 1);
  EXPECT_DOUBLE_EQ(report.output_rate, 2);
  EXPECT_DOUBLE_EQ(report.token_rate, 12);
  EXPECT_EQ(report.sources.of_exit(0), 3);
  EXPECT_EQ(report.sources.cloud(), 1);
  EXPECT_EQ(report.bytes.bytes_up, 2000U);
}

TEST(LoadReport, CountsARequestAsGoodThatMeetsEveryLimit) {
  auto log = two_requests();
  log.objectives = *parse_objectives("ttft=150ms,tpot=151ms");
  auto report = report_on(log);
  EXPECT_EQ(report.good, 1);  // the other one's first token took 200 ms
  EXPECT_DOUBLE_EQ(report.good_rate, 0.5);
  EXPECT_DOUBLE_EQ(report.good_share, 0.5);
  log.objectives = *parse_objectives("tpot=149ms");
  EXPECT_EQ(report_on(log).good, 1);  // one token has a TPOT of 0
  log.objectives = *parse_objectives("e2e=300ms");
  EXPECT_EQ(report_on(log).good, 1);
  log.objectives = *parse_objectives("wait=29ms");
  EXPECT_EQ(report_on(log).good, 1);
  log.requests[0].end = RequestEnd::failed;
  log.objectives = {};
  EXPECT_EQ(report_on(log).good, 1);
}

TEST(LoadReport, LeavesRequestsThatDidNotEndOutOfTheirLatencies) {
  auto log = two_requests();
  log.requests[0].end = RequestEnd::cut_off;
  auto failed = request(0s, {});
  failed.end = RequestEnd::failed;
  failed.errors.push_back({ErrorKind::failed, "it broke"});
  log.requests.push_back(failed);
  const auto report = report_on(log);
  EXPECT_EQ(report.requests, 3);
  EXPECT_EQ(report.completed, 1);
  EXPECT_EQ(report.cut_off, 1);
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(report.ttft.count, 1U);
  EXPECT_EQ(report.output_tokens, 1);
  EXPECT_EQ(report.errors.at(ErrorKind::failed).example, "it broke");
  EXPECT_TRUE(report.verdict.empty());
}

TEST(LoadReport, ShowsHowLateRequestsWereSent) {
  auto log = two_requests();
  log.requests[0].sent = 20ms;
  EXPECT_DOUBLE_EQ(report_on(log).start_lag.max, 0.02);
}

TEST(LoadReport, FailsARunThatCompletedNothing) {
  RunLog log;
  log.requests = {request(0s, {})};
  log.requests[0].end = RequestEnd::failed;
  log.requests[0].errors.push_back({ErrorKind::failed, "no room"});
  const auto report = report_on(log);
  ASSERT_EQ(report.verdict.size(), 1U);
  EXPECT_EQ(report.verdict[0], "no request was completed: no room");
  log.interrupted = true;
  EXPECT_TRUE(report_on(log).verdict.empty());
}

TEST(LoadReport, FailsOnRepliesThatAreWrongOrTooOftenOnlyNearlyRight) {
  auto log = two_requests();
  log.requests[0].replies_checked = 100;
  log.requests[0].replies_tolerated = 1;
  EXPECT_TRUE(report_on(log).verdict.empty());
  log.requests[0].replies_tolerated = 2;
  EXPECT_THAT(report_on(log).verdict.front(), HasSubstr("2 of 100 replies"));
  log.requests[1].errors.push_back({ErrorKind::wrong_reply, "token 3 is id 4, recorded id 5"});
  EXPECT_THAT(report_on(log).verdict.front(), HasSubstr("token 3 is id 4"));
}

TEST(LoadReport, SpreadsTokensAndRequestsOverTime) {
  const auto report = report_on(two_requests());
  ASSERT_EQ(report.intervals.size(), 20U);  // of 0.1 s
  double tokens = 0;
  for (const auto& interval : report.intervals) tokens += interval.tokens * 0.1;
  EXPECT_NEAR(tokens, 4, 1e-9);
  EXPECT_EQ(report.intervals[0].in_flight, 1);
  EXPECT_EQ(report.intervals[5].in_flight, 0);
  EXPECT_EQ(report.intervals[10].in_flight, 1);
}

TEST(LoadReport, IsEmptyForARunWithoutRequests) {
  const auto report = report_on({});
  EXPECT_EQ(report.request_rate, 0);
  EXPECT_EQ(report.good_share, 0);
  EXPECT_FALSE(to_table(report).empty());
  EXPECT_FALSE(to_html(report).empty());
  EXPECT_TRUE(json::accept(to_json(report)));
}

TEST(LoadReport, IsJsonWithEveryFigureDefined) {
  auto log = two_requests();
  log.objectives = *parse_objectives("ttft=150ms");
  log.batch_sizes = {{1, 5}, {std::numeric_limits<double>::infinity(), 2}};
  const auto object = json::parse(to_json(report_on(log)));
  EXPECT_EQ(object["requests"]["completed"], 2);
  EXPECT_DOUBLE_EQ(object["latency"]["ttft"]["mean_ms"], 150);
  EXPECT_DOUBLE_EQ(object["latency"]["e2e"]["max_ms"], 400);
  EXPECT_EQ(object["goodput"]["requests"], 1);
  EXPECT_EQ(object["sources"]["cloud"], 1);
  EXPECT_EQ(object["batch_sizes"][1]["up_to"], nullptr);
  EXPECT_EQ(object["good"], true);
  for (const auto& [name, figures] : object["latency"].items()) {
    EXPECT_TRUE(object["definitions"].contains(name)) << name;
  }
}

TEST(LoadReport, IsCsvWithALineARequest) {
  auto log = two_requests();
  log.requests[1].errors = {{ErrorKind::late, "x"}, {ErrorKind::late, "y"}, {ErrorKind::lost, "z"}};
  const auto csv = to_csv(log);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);
  const auto columns = [](const std::string& line) {
    return std::count(line.begin(), line.end(), ',');
  };
  const auto first = csv.find('\n');
  const auto second = csv.find('\n', first + 1);
  EXPECT_EQ(columns(csv.substr(0, first)), columns(csv.substr(first, second - first)));
  EXPECT_EQ(columns(csv.substr(0, first)), columns(csv.substr(second)));
  EXPECT_THAT(csv, HasSubstr("0,0,0,0,0,completed,10,3,100,150,400,1,30,1,0,0,1000,"));
  EXPECT_THAT(csv, HasSubstr("late|lost\n"));
}

TEST(LoadReport, IsAPageThatNeedsNothingElse) {
  auto log = two_requests();
  log.requests[0].errors = {{ErrorKind::late, "<script>"}};
  const auto html = to_html(report_on(log));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, HasSubstr("&lt;here&gt; &amp; &quot;there&quot;"));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(html, HasSubstr("(end-to-end latency - TTFT) / (output tokens - 1)"));
  for (const auto* foreign : {"<script", "src=", "href=", "@import"}) {
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  }
}

TEST(LoadReport, IsATableForATerminal) {
  auto log = two_requests();
  log.interrupted = true;
  log.requests[0].errors = {{ErrorKind::late, "token 4"}};
  const auto table = to_table(report_on(log));
  EXPECT_THAT(table, HasSubstr("Interrupted"));
  EXPECT_THAT(table, HasSubstr("2 completed, 0 failed, 0 cut off"));
  EXPECT_THAT(table, HasSubstr("Time to first token"));
  EXPECT_THAT(table, HasSubstr("1, first: token 4"));
}

TEST(LoadReport, ShowsProgress) {
  LoadProgress progress;
  progress.edges = 10;
  progress.connected = 3;
  EXPECT_EQ(progress_line(progress, -1), "3 of 10 edges connected");
  progress.started = true;
  progress.elapsed = 2s;
  progress.sent = 7;
  progress.ended = 5;
  progress.tokens = 30;
  EXPECT_EQ(progress_line(progress, 0.5),
            "[==========>         ] 2.0 s  7 sent, 5 ended, 0 errors, 15 tokens/s");
  EXPECT_EQ(progress_line(progress, 7).substr(0, 22), "[====================]");
  EXPECT_EQ(progress_line(progress, -1).front(), '2');
}

TEST(ServiceObjectives, AreReadAndWrittenAlike) {
  const auto objectives = parse_objectives("ttft=200ms,e2e=3s,wait=500us,tpot=0.5s");
  ASSERT_TRUE(objectives);
  EXPECT_DOUBLE_EQ(*objectives->ttft, 0.2);
  EXPECT_DOUBLE_EQ(*objectives->e2e, 3);
  EXPECT_EQ(to_string(*objectives), "ttft=200ms,tpot=500ms,e2e=3000ms,wait=0.5ms");
  EXPECT_FALSE(ServiceObjectives{}.any());
}

TEST(ServiceObjectives, RefuseWhatIsNoLimit) {
  for (const auto* text : {"", "ttft", "ttft=", "ttft=5", "ttft=-1ms", "itl=5ms", "ttft=1ms,",
                           "ttft=1ms,ttft=2ms", "ttft=0ms", "ttft=infs", "ttft=1ms tpot=1ms"}) {
    EXPECT_FALSE(parse_objectives(text)) << text;
  }
}

constexpr const char* page =
    "# HELP batch x\n# TYPE batch histogram\nbatch_count 9\nbatch_bucket{le=\"1\"} 4\n"
    "batch_bucket{role=\"a\",le=\"2\"} 4\r\nbatch_bucket{le=\"+Inf\"} 9\nother_bucket{le=\"1\"} "
    "7\n";

TEST(MetricsText, HoldsAHistogram) {
  const auto buckets = histogram_in(page, "batch");
  ASSERT_EQ(buckets.size(), 3U);
  EXPECT_EQ(buckets[0].count, 4);
  EXPECT_EQ(buckets[1].count, 0);
  EXPECT_EQ(buckets[2].count, 5);
  EXPECT_TRUE(std::isinf(buckets[2].up_to));
  EXPECT_TRUE(histogram_in(page, "none").empty());
}

TEST(MetricsText, GivesNothingWhereItMakesNoSense) {
  for (const auto* text : {"b_bucket{le=\"1\"} x\n", "b_bucket{le=\"1\n", "b_bucket{} 5\n",
                           "b_bucket{le=\"2\"} 5\nb_bucket{le=\"1\"} 6\n",
                           "b_bucket{le=\"1\"} 5\nb_bucket{le=\"2\"} 4\n", "b_bucket{le=\"1\"}"}) {
    EXPECT_TRUE(histogram_in(text, "b").empty()) << text;
  }
}

TEST(MetricsText, TellsWhatCameBetweenTwoReadings) {
  const std::vector<BucketCount> before{{1, 4}, {2, 1}};
  const auto between = difference(before, {{1, 10}, {2, 1}});
  ASSERT_EQ(between.size(), 2U);
  EXPECT_EQ(between[0].count, 6);
  EXPECT_EQ(between[1].count, 0);
  EXPECT_TRUE(difference(before, {{1, 3}, {2, 1}}).empty());
  EXPECT_TRUE(difference(before, {{1, 10}, {3, 1}}).empty());
  EXPECT_TRUE(difference(before, {{1, 10}}).empty());
}

}  // namespace
}  // namespace cecollm::load
