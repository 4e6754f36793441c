// What edge and cloud leave in metrics and logs, on the test clock.

#include <map>
#include <sstream>
#include <utility>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <prometheus/text_serializer.h>
#include <spdlog/sinks/ostream_sink.h>

#include "tests/support/memory_world.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

constexpr std::size_t fake_row_bytes = 16U * 4U;

GenerationRequest three_ids_and(std::int64_t max_tokens, float threshold) {
  GenerationRequest request;
  request.prompt = std::vector<model::TokenId>{5, 6, 7};
  request.thresholds.values = {threshold, threshold};
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  return request;
}

double observations_of(const prometheus::Histogram& histogram) {
  return static_cast<double>(histogram.Collect().histogram.sample_count);
}

class NodeMonitoring : public ::testing::Test {
 protected:
  static MemoryWorld::Options over(const std::string& link) {
    MemoryWorld::Options options;
    options.link = *transport::parse_link_spec(link);
    return options;
  }
  /// Runs one generation to its end.
  static std::shared_ptr<tests::Watched> run(MemoryWorld& world, const GenerationRequest& request) {
    const auto watched = world.generate(request);
    world.time().advance(1min);
    EXPECT_TRUE(watched->end) << "it did not end";
    return watched;
  }
};

TEST_F(NodeMonitoring, ObservesTheQueueOfEachGenerationOnce) {
  auto options = over("rtt=20ms");
  options.edge_pass = 10ms;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  run(world, three_ids_and(10, 2.0F));
  run(world, three_ids_and(10, 2.0F));
  EXPECT_EQ(observations_of(world.edge_metrics().generation_queue), 2);
  EXPECT_GT(world.edge_metrics().generation_queue.Collect().histogram.sample_sum, 0.0);
}

TEST_F(NodeMonitoring, ObservesTheSizesOfGenerations) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  run(world, three_ids_and(10, 2.0F));
  const auto& metrics = world.edge_metrics();
  EXPECT_EQ(metrics.generation_prompt_tokens.Collect().histogram.sample_sum, 3.0);
  EXPECT_EQ(metrics.generation_output_tokens.Collect().histogram.sample_sum, 10.0);
}

TEST_F(NodeMonitoring, ObservesTheWaitForACloudThatIsLate) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  world.force_link(transport::LinkState::stall);
  auto request = three_ids_and(1, 2.0F);
  request.first_token_deadline = 500ms;
  run(world, request);
  EXPECT_EQ(observations_of(world.edge_metrics().cloud_wait), 1);
  EXPECT_NEAR(world.edge_metrics().cloud_wait.Collect().histogram.sample_sum, 0.5, 0.01);
}

TEST_F(NodeMonitoring, ShowsKvCachesWhileAGenerationRuns) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  double held = 0;
  world.after_tokens(5, [&] { held = world.edge_metrics().kv_bytes.Value(); });
  run(world, three_ids_and(10, 2.0F));
  EXPECT_GT(held, 0);
  EXPECT_EQ(world.edge_metrics().kv_bytes.Value(), 0);
}

TEST_F(NodeMonitoring, ShowsRowsThatTheCloudHasNotConfirmedAsQueue) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  world.force_link(transport::LinkState::stall);
  auto request = three_ids_and(4, 2.0F);
  request.first_token_deadline = 100ms;
  request.token_deadline = 100ms;
  double queued = 0;
  world.after_tokens(3, [&] { queued = world.edge_metrics().uplink_queue.Value(); });
  run(world, request);
  EXPECT_EQ(queued, (3 + 2) * fake_row_bytes);
  EXPECT_EQ(world.edge_metrics().uplink_queue.Value(), 0);
}

TEST_F(NodeMonitoring, CountsRowsThatNoAnswerUsedOnBothSides) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  // Exits that are sure of everything from the start, but a threshold above 0: rows go up for
  // nothing.
  const auto sure = run(world, three_ids_and(10, 1e-6F));
  ASSERT_EQ(sure->end->counts.cloud(), 0);
  EXPECT_EQ(sure->end->upload.rows_up, 12U);
  EXPECT_EQ(world.edge_metrics().rows_wasted.Value(), 12);
  EXPECT_EQ(world.cloud_metrics().rows_wasted.Value(), 12);
}

TEST_F(NodeMonitoring, CountsNoRowAsWastedThatAnAnswerUsed) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  const auto asking = run(world, three_ids_and(10, 2.0F));
  ASSERT_EQ(asking->end->counts.cloud(), 10);
  EXPECT_EQ(world.edge_metrics().rows_wasted.Value(), 0);
  EXPECT_EQ(world.cloud_metrics().rows_wasted.Value(), 0);
}

TEST_F(NodeMonitoring, ShowsBoundsBesideWhatIsHeld) {
  auto options = over("rtt=20ms");
  options.max_kept_bytes = 12345;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  EXPECT_EQ(world.edge_metrics().retained_row_budget.Value(), 12345);
  EXPECT_EQ(world.cloud_metrics().context_budget.Value(), 64);
}

TEST_F(NodeMonitoring, ShowsAsksThatWaitInTheCloud) {
  auto options = over("rtt=20ms");
  options.cloud_pass = 100ms;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  double most = 0;
  world.when(
      [&] {
        most = std::max(most, world.cloud_metrics().waiting_asks.Value());
        return false;
      },
      [] {});
  run(world, three_ids_and(3, 2.0F));
  world.forget_actions();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(world.cloud_metrics().waiting_asks.Value(), 0);
}

TEST_F(NodeMonitoring, CountsAnEdgeThatHasFallenSilent) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  ASSERT_EQ(world.cloud_metrics().heartbeats_missed.Value(), 0);
  world.force_link(transport::LinkState::stall);
  world.time().advance(5min);
  EXPECT_GE(world.cloud_metrics().heartbeats_missed.Value(), 1);
}

TEST_F(NodeMonitoring, CountsARefusedRequestAsOne) {
  auto options = over("rtt=20ms");
  options.max_generations = 1;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  const auto first = world.generate(three_ids_and(10, 2.0F));
  const auto second = world.generate(three_ids_and(10, 2.0F));
  world.time().advance(1min);
  ASSERT_TRUE(first->end && second->end);
  EXPECT_EQ(second->end->reason, FinishReason::failed);
  using Outcome = monitoring::GenerationOutcome;
  const auto& metrics = world.edge_metrics();
  EXPECT_EQ(metrics.generations[Outcome::refused].Value(), 1);
  EXPECT_EQ(metrics.generations[Outcome::length].Value(), 1);
  EXPECT_EQ(metrics.generations[Outcome::failed].Value(), 0);
}

// --- logs

struct Log {
  std::ostringstream text;
  monitoring::Logger logger{"node", monitoring::LogLevel::info,
                            std::make_shared<spdlog::sinks::ostream_sink_st>(text),
                            monitoring::LogFormat::json};
  std::vector<nlohmann::json> lines(const std::string& message) const {
    std::vector<nlohmann::json> found;
    std::istringstream all(text.str());
    for (std::string line; std::getline(all, line);) {
      auto json = nlohmann::json::parse(line);
      if (json.at("msg") == message) found.push_back(std::move(json));
    }
    return found;
  }
};

using Key = std::pair<std::string, std::uint64_t>;
Key key_of(const nlohmann::json& line) {
  return {line.at("instance"), line.at("generation")};
}

TEST_F(NodeMonitoring, LogsOfEdgesAndCloudJoinByInstanceAndGeneration) {
  Log edge;
  Log cloud;
  auto options = over("rtt=20ms");
  options.edges = 2;
  options.edge_logger = edge.logger;
  options.cloud_logger = cloud.logger;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  std::vector<std::shared_ptr<tests::Watched>> all;
  for (const std::size_t number : {0U, 1U, 0U, 1U}) {
    all.push_back(world.generate(three_ids_and(5 + std::ssize(all), 2.0F), number));
  }
  world.time().advance(1min);

  std::map<Key, nlohmann::json> ended;
  for (const auto& line : edge.lines("generation ended")) ended.emplace(key_of(line), line);
  ASSERT_EQ(ended.size(), 4U) << "both edges number theirs alike; their instances differ";
  const auto closed = cloud.lines("context closed");
  ASSERT_EQ(closed.size(), 4U);
  for (const auto& there : closed) {
    const auto here = ended.find(key_of(there));
    ASSERT_NE(here, ended.end()) << there;
    EXPECT_EQ(there.at("rows"), here->second.at("rows_up"));
    EXPECT_EQ(there.at("answers"), here->second.at("tokens_cloud"));
    EXPECT_EQ(there.at("why"), "closed by the edge");
  }
}

TEST_F(NodeMonitoring, LogsTellHowAGenerationWent) {
  Log edge;
  auto options = over("rtt=20ms");
  options.edge_logger = edge.logger;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  const auto watched = run(world, three_ids_and(10, 2.0F));
  const auto lines = edge.lines("generation ended");
  ASSERT_EQ(lines.size(), 1U);
  const auto& line = lines.front();
  EXPECT_EQ(line.at("generation"), *watched->id);
  EXPECT_EQ(line.at("finish_reason"), "length");
  EXPECT_EQ(line.at("mode"), "collaborative");
  EXPECT_EQ(line.at("prompt_tokens"), 3);
  EXPECT_EQ(line.at("tokens"), 10);
  EXPECT_EQ(line.at("tokens_cloud"), 10);
  const std::chrono::duration<double, std::milli> wait = watched->end->cloud_wait;
  EXPECT_NEAR(line.at("cloud_wait_ms").get<double>(), wait.count(), 0.01);
}

TEST_F(NodeMonitoring, LogsWarnOfAGenerationThatFailed) {
  Log edge;
  auto options = over("rtt=20ms");
  options.edge_logger = edge.logger;
  MemoryWorld world(std::move(options));
  world.time().advance(1s);
  auto request = three_ids_and(10, 2.0F);
  request.prompt = std::vector<model::TokenId>{};
  run(world, request);
  const auto lines = edge.lines("generation failed");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines.front().at("level"), "warning");
  EXPECT_THAT(lines.front().at("why").get<std::string>(), ::testing::HasSubstr("empty"));
}

}  // namespace
}  // namespace cecollm::actors
