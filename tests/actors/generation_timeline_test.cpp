// The timeline of a generation, on the test clock.

#include <algorithm>
#include <map>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/memory_world.hpp"
#include "tests/support/temporary_directory.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

struct TraceEvent {
  std::string phase;
  std::string name;
  std::pair<int, int> track;
  double begin = 0;  // microseconds
  double end = 0;
  nlohmann::json args;
};

double microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

class GenerationTimelines : public ::testing::Test {
 protected:
  MemoryWorld::Options options() const {
    MemoryWorld::Options options;
    options.link = *transport::parse_link_spec("rtt=20ms,up=1mbit");
    options.cloud_pass = 4ms;
    options.trace_file = file();
    return options;
  }
  std::filesystem::path file() const { return folder_.path() / "trace.json"; }

  static GenerationRequest asking(std::int64_t max_tokens, float threshold = 2.0F) {
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>{5, 6, 7};
    request.thresholds.values = {threshold, threshold};
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    return request;
  }
  static std::shared_ptr<tests::Watched> run(MemoryWorld& world, const GenerationRequest& request) {
    world.time().advance(1s);
    auto watched = world.generate(request);
    world.time().advance(1min);
    EXPECT_TRUE(watched->end);
    return watched;
  }

  std::vector<TraceEvent> events() const {
    std::vector<TraceEvent> found;
    const auto json = nlohmann::json::parse(tests::read_whole_file(file()));
    for (const auto& event : json.at("traceEvents")) {
      if (event.at("ph") == "M") continue;
      TraceEvent read{event.at("ph"), event.at("name"), {event.at("pid"), event.at("tid")},
                      event.at("ts"), event.at("ts"),   event.value("args", nlohmann::json())};
      if (read.phase == "X") read.end += event.at("dur").get<double>();
      found.push_back(std::move(read));
    }
    return found;
  }
  static std::vector<TraceEvent> named(const std::vector<TraceEvent>& events,
                                       const std::string& name) {
    std::vector<TraceEvent> found;
    std::copy_if(events.begin(), events.end(), std::back_inserter(found),
                 [&](const TraceEvent& event) { return event.name == name; });
    return found;
  }
  static double sum_of(const std::vector<TraceEvent>& events) {
    double sum = 0;
    for (const auto& event : events) sum += event.end - event.begin;
    return sum;
  }
  /// As a viewer draws them: on one line, spans lie within each other or apart.
  static void expect_nested(const std::vector<TraceEvent>& events) {
    std::map<std::pair<int, int>, std::vector<TraceEvent>> open;
    for (const auto& event : events) {
      if (event.phase != "X") continue;
      auto& line = open[event.track];
      while (!line.empty() && line.back().end <= event.begin) line.pop_back();
      if (!line.empty()) {
        EXPECT_LE(event.end, line.back().end)
            << event.name << " reaches out of " << line.back().name;
      }
      line.push_back(event);
    }
  }
  static void expect_within_the_whole(const std::vector<TraceEvent>& events) {
    const auto whole = named(events, "generation");
    ASSERT_EQ(whole.size(), 1U);
    for (const auto& event : events) {
      if (event.track != whole.front().track) continue;
      EXPECT_GE(event.begin, whole.front().begin) << event.name;
      EXPECT_LE(event.end, whole.front().end) << event.name;
    }
  }

  tests::TemporaryDirectory folder_;
};

TEST_F(GenerationTimelines, AgreeWithTheReport) {
  MemoryWorld world(options());
  const auto watched = run(world, asking(10));
  const auto& end = *watched->end;
  ASSERT_EQ(end.counts.cloud(), 10);
  const auto all = events();
  expect_nested(all);
  expect_within_the_whole(all);

  const auto whole = named(all, "generation");
  EXPECT_NEAR(sum_of(whole), microseconds(end.total), 0.01);
  EXPECT_EQ(whole.front().args.at("completion_tokens"), 10);
  const auto tokens = named(all, "token");
  ASSERT_EQ(tokens.size(), 10U);
  EXPECT_NEAR(tokens.front().end - whole.front().begin, microseconds(end.time_to_first_token),
              0.01);
  EXPECT_EQ(named(all, "emit").size(), 10U);
  const auto asks = named(all, "ask");
  double waits = 0;
  for (const auto& ask : asks) {
    if (ask.phase == "X") waits += ask.end - ask.begin;
  }
  EXPECT_NEAR(waits, microseconds(end.cloud_wait), 0.1);
}

TEST_F(GenerationTimelines, ShowWhereTheTimeOfATokenWent) {
  MemoryWorld world(options());
  run(world, asking(5));
  const auto all = events();
  EXPECT_EQ(named(all, "tokenize").size(), 1U);
  EXPECT_EQ(named(all, "first layers").size(), 5U);
  EXPECT_EQ(named(all, "later layers").size(), 5U);
  EXPECT_EQ(named(all, "deeper").size(), 5U);    // what exit decision says at the first exit
  EXPECT_EQ(named(all, "not_sure").size(), 5U);  // and at the last
  EXPECT_EQ(named(all, "reply").size(), 5U);
  const auto deep = named(all, "deep layers");
  ASSERT_EQ(deep.size(), 5U);
  const auto asks = named(all, "ask");
  for (const auto& span : deep) {
    // The cloud's work lies within the wait for it.
    EXPECT_TRUE(std::any_of(asks.begin(), asks.end(), [&](const TraceEvent& ask) {
      return ask.phase == "X" && ask.begin <= span.begin && span.end <= ask.end;
    }));
  }
}

TEST_F(GenerationTimelines, ShowRowsOnTheirWayUntilTheCloudConfirmsThem) {
  MemoryWorld world(options());
  const auto watched = run(world, asking(5));
  std::uint64_t rows = 0;
  const auto all = events();
  for (const auto& flight : named(all, "rows")) {
    if (flight.phase != "b") continue;
    rows += flight.args.at("rows").get<std::uint64_t>();
    EXPECT_EQ(flight.args.at("confirmed"), true);
  }
  EXPECT_EQ(rows, watched->end->upload.rows_up);
}

TEST_F(GenerationTimelines, ShowAnAskThatIsLateAndTheChangeOfMode) {
  auto setting = options();
  setting.adaptive = true;
  MemoryWorld world(std::move(setting));
  auto request = asking(10);
  request.token_deadline = 300ms;
  world.after_tokens(3, [&] { world.force_link(transport::LinkState::stall); });
  const auto watched = run(world, request);
  ASSERT_GT(watched->end->counts.fallback(), 0);
  const auto all = events();
  expect_nested(all);
  const auto asks = named(all, "ask");
  EXPECT_TRUE(std::any_of(asks.begin(), asks.end(), [](const TraceEvent& ask) {
    return ask.phase == "X" && ask.args.at("outcome") == "late" &&
           std::abs(ask.end - ask.begin - 300'000) < 1;
  }));
  EXPECT_EQ(named(all, "mode").size(), watched->end->mode_switches.size());
}

TEST_F(GenerationTimelines, OfCloudOnlyGenerationsShowTheCloudsCompute) {
  MemoryWorld world(options());
  auto request = asking(5);
  request.mode = policy::Mode::cloud_only;
  const auto watched = run(world, request);
  ASSERT_EQ(watched->end->counts.cloud(), 5);
  const auto all = events();
  expect_nested(all);
  EXPECT_EQ(named(all, "whole model").size(), 5U);
  EXPECT_TRUE(named(all, "first layers").empty());
}

TEST_F(GenerationTimelines, AreThoseOfTheGenerationThatEndedLast) {
  MemoryWorld world(options());
  run(world, asking(5));
  const auto second = run(world, asking(7));
  const auto json = nlohmann::json::parse(tests::read_whole_file(file()));
  EXPECT_EQ(json.at("otherData").at("generation"), std::to_string(*second->id));
  EXPECT_EQ(named(events(), "token").size(), 7U);
}

TEST_F(GenerationTimelines, AreNotMadeWhereNobodyWantsThem) {
  auto setting = options();
  setting.trace_file.clear();
  MemoryWorld world(std::move(setting));
  run(world, asking(5));
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(GenerationTimelines, ThatCannotBeWrittenCostTheGenerationNothing) {
  auto setting = options();
  setting.trace_file = folder_.path() / "gone" / "trace.json";
  MemoryWorld world(std::move(setting));
  EXPECT_EQ(run(world, asking(5))->end->reason, FinishReason::length);
}

}  // namespace
}  // namespace cecollm::actors
