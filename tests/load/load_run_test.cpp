// Virtual edges, a cloud of real actors and an emulated link, on the test clock.

#include "load/load_driver.hpp"
#include "load/load_report.hpp"
#include <gmock/gmock.h>

#include "actors/shallow_compute.hpp"
#include "tests/load/recording_fixture.hpp"
#include "tests/support/memory_world.hpp"

namespace cecollm::load {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using tests::fake_model;
using tests::MemoryWorld;

caf::behavior load_client(caf::event_based_actor*, std::shared_ptr<std::optional<LoadEnded>> end) {
  return {[=](const LoadEnded& ended) {
    *end = ended;
  }};
}

MemoryWorld::Options options_over(const std::string& link) {
  MemoryWorld::Options options;
  if (!link.empty()) options.link = *transport::parse_link_spec(link);
  options.edges = 0;  // the load's alone
  options.extend_config = add_load_types;
  return options;
}

/// A cloud of the fake model and, beside it, edges that press it.
class Load {
 public:
  explicit Load(std::vector<RecordedTake> takes, MemoryWorld::Options options = options_over(""))
      : takes_(std::move(takes)), world_(std::move(options)) {
    recording_ = tests::recording_of(takes_);
  }

  MemoryWorld& world() { return world_; }
  const Recording& recording() const { return *recording_; }
  /// Of what was recorded, when every prompt is sent `times` times.
  policy::SourceCounts recorded_sources(int times) const {
    policy::SourceCounts counts;
    for (int i = 0; i < times; ++i) {
      for (const auto& take : takes_) {
        for (const auto& token : take.generation.tokens) {
          using Kind = policy::Source::Kind;
          if (token.head == model::final_head) {
            counts.add({Kind::cloud, 0});
          } else {
            counts.add({Kind::exit, static_cast<std::size_t>(token.head)});
          }
        }
      }
    }
    return counts;
  }

  void start(const LoadPlan& plan, std::size_t edges,
             std::optional<std::chrono::nanoseconds> pass) {
    LoadSetting setting;
    setting.plan = plan;
    setting.edges = edges;
    setting.connecting = 4;
    std::vector<LoadPrompt> prompts;
    for (const auto& generation : recording_->generations()) {
      prompts.push_back({generation.prompt, static_cast<std::int64_t>(generation.tokens.size())});
    }
    setting.prompts = std::make_shared<const std::vector<LoadPrompt>>(std::move(prompts));
    setting.client = world_.system().spawn(load_client, end_);
    setting.edge = [this, pass](std::size_t number) {
      VirtualEdgeSetting edge;
      edge.recording = recording_;
      edge.token_time = pass;
      edge.edge = edge_setting(number);
      edge.request = request();
      return edge;
    };
    if (engine_) {
      shallow_ = world_.system().spawn(actors::shallow_compute, engine_);
      setting.edge = [this, edges](std::size_t number) {
        VirtualEdgeSetting edge;
        edge.edge = edge_setting(number);
        edge.edge.shallow = shallow_;
        edge.edge.first_generation = number + 1;
        edge.edge.generation_step = edges;
        edge.request = request();
        return edge;
      };
    }
    driver_ = world_.system().spawn(load_driver, std::move(setting));
  }
  /// From now on edges compute, all with this engine.
  void compute_with(std::shared_ptr<model::Engine> engine) { engine_ = std::move(engine); }

  void stop() { caf::anon_send(driver_, StopLoad{}); }
  /// The first of them, by itself.
  void kill_edge() {
    caf::anon_send_exit(tests::state_of<LoadDriverState>(driver_).edges.front(),
                        caf::exit_reason::unhandled_exception);
  }
  /// The run's end, at most `limit` away.
  const LoadEnded& await_end(std::chrono::nanoseconds limit = 1h) {
    world_.time().run_until([this] { return end_->has_value(); }, world_.time().now() + limit);
    EXPECT_TRUE(end_->has_value());
    world_.time().advance(30s);  // everyone leaves
    if (shallow_) world_.time().kill(shallow_);
    return **end_;
  }
  LoadReport report() {
    const auto& end = await_end();
    EXPECT_TRUE(end.log) << end.problem;
    return report_on(*end.log);
  }

  std::chrono::milliseconds token_deadline{30000};

 private:
  actors::EdgeSetting edge_setting(std::size_t number) {
    const auto model = fake_model();
    actors::EdgeSetting edge;
    edge.config = config_of(recording_->model());
    edge.link = tests::link_setting_for(model, 1000 + number);
    edge.link->dials.push_back([this](const caf::actor& owner) { world_.join("edge", owner); });
    edge.adaptive = false;
    edge.metrics = &metrics_;
    return edge;
  }
  actors::GenerationRequest request() const {
    actors::GenerationRequest request;
    request.thresholds = {tests::recorded_thresholds};
    request.ignore_eos = true;
    request.token_deadline = token_deadline;
    request.first_token_deadline = token_deadline;
    return request;
  }

  std::vector<RecordedTake> takes_;
  prometheus::Registry registry_;
  monitoring::EdgeMetrics metrics_{registry_,
                                   {{"0", "fake", "", "", "fp32"},
                                    {3, 6},
                                    {"standalone", "collaborative", "cloud-only"},
                                    tests::mode_reasons()}};
  std::shared_ptr<const Recording> recording_;
  std::shared_ptr<model::Engine> engine_;
  std::shared_ptr<std::optional<LoadEnded>> end_ = std::make_shared<std::optional<LoadEnded>>();
  MemoryWorld world_;
  load_driver_actor driver_;
  actors::shallow_compute_actor shallow_;
};

LoadPlan closed(std::size_t users, std::uint64_t requests) {
  LoadPlan plan;
  plan.loop = ClosedLoop{users, 0ns};
  plan.requests = requests;
  return plan;
}

TEST(LoadRun, RepliesToDozensOfReplayingEdgesAreTheRecordedOnes) {
  Load load(tests::takes_of(fake_model(), 12), options_over("rtt=20ms"));
  load.start(closed(40, 120), 40, 5ms);
  const auto report = load.report();
  EXPECT_TRUE(report.verdict.empty()) << report.verdict.front();
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(report.edges, 40U);
  EXPECT_EQ(report.completed, 120);
  const auto sources = load.recorded_sources(10);
  EXPECT_EQ(report.sources.of_exit(0), sources.of_exit(0));
  EXPECT_EQ(report.sources.of_exit(1), sources.of_exit(1));
  EXPECT_EQ(report.sources.cloud(), sources.cloud());
  EXPECT_EQ(report.sources.fallback(), 0);
  EXPECT_EQ(report.replies_checked, sources.cloud());
  EXPECT_EQ(report.asks, sources.cloud());
  // Each row goes up once, whatever the sources are.
  EXPECT_EQ(report.bytes.rows_up, 120U * (3 + 24 - 1));
  EXPECT_EQ(report.bytes.rows_resent, 0U);
}

TEST(LoadRun, TimesWhatALinkAndADeviceTake) {
  Load load(tests::takes_of(fake_model(), 1), options_over("rtt=20ms"));
  load.start(closed(1, 1), 1, 5ms);
  const auto report = load.report();
  EXPECT_NEAR(report.cloud_wait.p50, 0.020, 1e-3);
  const auto asks = static_cast<double>(report.asks);
  EXPECT_NEAR(report.e2e.mean, 24 * 0.005 + asks * 0.020, 2e-3);
  EXPECT_NEAR(report.tpot.mean, (report.e2e.mean - report.ttft.mean) / 23, 1e-9);
  EXPECT_NEAR(report.duration, report.e2e.mean, 1e-6);
}

TEST(LoadRun, TakesThePassesFromTheRecordingUnlessToldOtherwise) {
  Load load(tests::takes_of(fake_model(), 1));
  load.start(closed(1, 1), 1, std::nullopt);
  const auto report = load.report();
  double passes = 0;
  for (const auto& token : load.recording().generations().front().tokens) {
    passes += static_cast<double>(token.exits.size());
  }
  EXPECT_NEAR(report.e2e.mean, passes * 250e-6, 1e-6);
}

TEST(LoadRun, FailsWhereACloudAnswersWrongly) {
  auto other = fake_model();
  other.seed = 2;
  Load load(tests::takes_of(other));  // which claims to be of the cloud's model
  load.start(closed(4, 6), 4, 0ns);
  const auto report = load.report();
  ASSERT_EQ(report.verdict.size(), 1U);
  EXPECT_THAT(report.verdict.front(), HasSubstr("wrong reply"));
  EXPECT_THAT(report.verdict.front(), HasSubstr("recorded id"));
  EXPECT_GT(report.errors.at(ErrorKind::wrong_reply).count, 0);
}

TEST(LoadRun, CountsRepliesThatAreAsLikelyAndFailsAboveOnePercent) {
  auto takes = tests::takes_of(fake_model(), 10, 60);
  std::int64_t asks = 0;
  bool swapped = false;
  for (auto& take : takes) {
    for (auto& token : take.generation.tokens) {
      if (token.head != model::final_head) continue;
      ++asks;
      if (std::exchange(swapped, true)) continue;
      token.close_ids = {token.id};
      token.id = (token.id + 1) % 64;
    }
  }
  ASSERT_GT(asks, 100);
  Load load(takes);
  load.start(closed(5, 10), 5, 0ns);
  const auto report = load.report();
  EXPECT_EQ(report.replies_tolerated, 1);
  EXPECT_TRUE(report.verdict.empty());

  for (auto& take : takes) {
    for (auto& token : take.generation.tokens) {
      if (token.head != model::final_head || !token.close_ids.empty()) continue;
      token.close_ids = {token.id};
      token.id = (token.id + 1) % 64;
    }
  }
  Load lax(takes);
  lax.start(closed(5, 10), 5, 0ns);
  const auto failed = lax.report();
  EXPECT_EQ(failed.replies_tolerated, asks);
  ASSERT_FALSE(failed.verdict.empty());
  EXPECT_THAT(failed.verdict.front(), HasSubstr("more than 1 %"));
}

TEST(LoadRun, CountsWhatACloudThatDiesLeavesUnanswered) {
  Load load(tests::takes_of(fake_model(), 8), options_over("rtt=20ms"));
  load.start(closed(8, 16), 8, 5ms);
  load.world().time().at(load.world().time().now() + 300ms, [&] { load.world().kill_cloud(); });
  const auto report = load.report();
  EXPECT_TRUE(report.verdict.empty());
  EXPECT_EQ(report.completed, 16);  // from the edge
  EXPECT_GT(report.sources.fallback(), 0);
  std::int64_t unanswered = 0;
  for (const auto& [kind, error] : report.errors) {
    EXPECT_NE(kind, ErrorKind::wrong_reply);
    EXPECT_NE(kind, ErrorKind::failed);
    unanswered += error.count;
  }
  EXPECT_EQ(unanswered, report.sources.fallback());
}

TEST(LoadRun, CountsRepliesThatCameTooLate) {
  auto options = options_over("rtt=20ms");
  options.cloud_pass = 400ms;
  Load load(tests::takes_of(fake_model(), 4), options);
  load.token_deadline = 100ms;
  load.start(closed(4, 4), 4, 5ms);
  const auto report = load.report();
  EXPECT_GT(report.errors.at(ErrorKind::late).count, 0);
  EXPECT_EQ(report.completed, 4);
}

TEST(LoadRun, SendsAtItsRateWhateverBecomesOfEarlierRequests) {
  auto options = options_over("rtt=20ms");
  options.cloud_pass = 400ms;  // far too slow
  Load load(tests::takes_of(fake_model(), 6), options);
  LoadPlan plan;
  plan.loop = OpenLoop{50, 1000};
  plan.duration = 2s;
  load.start(plan, 10, 1ms);
  const auto& end = load.await_end();
  ASSERT_TRUE(end.log) << end.problem;
  const auto& requests = end.log->requests;
  EXPECT_NEAR(static_cast<double>(requests.size()), 100, 2);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].number, i);
    EXPECT_EQ(requests[i].edge, i % 10);
    EXPECT_LT(requests[i].due, 2s);
    EXPECT_EQ(requests[i].due, requests[i].sent);  // the test clock knows no lag
    EXPECT_EQ(requests[i].end, RequestEnd::completed);
  }
  EXPECT_GT(end.log->duration, 4s);
}

TEST(LoadRun, LetsUsersThinkAndBeginOneAfterTheOther) {
  Load load(tests::takes_of(fake_model(), 4));
  LoadPlan plan = closed(4, 8);
  plan.loop = ClosedLoop{4, 10s};
  plan.ramp_up = 4s;
  load.start(plan, 2, 0ns);
  const auto& end = load.await_end();
  ASSERT_EQ(end.log->requests.size(), 8U);
  for (std::size_t user = 0; user < 4; ++user) {
    EXPECT_EQ(end.log->requests[user].sent, 1s * user);
    EXPECT_EQ(end.log->requests[user].edge, user % 2);
    EXPECT_EQ(end.log->requests[user + 4].sent, 10s + 1s * user);
  }
}

TEST(LoadRun, CutsOffWhatStillRunsAfterTheDrain) {
  auto options = options_over("rtt=20ms");
  options.cloud_pass = 1s;
  Load load(tests::takes_of(fake_model(), 4), options);
  LoadPlan plan;
  plan.loop = ClosedLoop{4, 0ns};
  plan.duration = 500ms;
  plan.drain = 200ms;
  load.start(plan, 4, 5ms);
  const auto report = load.report();
  EXPECT_EQ(report.cut_off, 4);
  EXPECT_EQ(report.completed, 0);
  EXPECT_LE(report.duration, 0.71);
}

TEST(LoadRun, ReportsWhatThereIsWhenItIsStopped) {
  Load load(tests::takes_of(fake_model(), 4), options_over("rtt=50ms"));
  LoadPlan plan;
  plan.loop = ClosedLoop{4, 0ns};
  plan.duration = 1h;
  load.start(plan, 4, 5ms);
  load.world().time().at(load.world().time().now() + 3s, [&] { load.stop(); });
  const auto& end = load.await_end(10s);
  ASSERT_TRUE(end.log);
  EXPECT_TRUE(end.log->interrupted);
  const auto report = report_on(*end.log);
  EXPECT_GT(report.completed, 0);
  EXPECT_EQ(report.cut_off, 4);
  EXPECT_TRUE(report.verdict.empty());
}

TEST(LoadRun, ReportsWhatThereIsWhenItsOnlyEdgeDies) {
  Load load(tests::takes_of(fake_model(), 1), options_over("rtt=50ms"));
  load.start(closed(2, 100), 1, 5ms);
  load.world().time().at(load.world().time().now() + 3s, [&] { load.kill_edge(); });
  const auto& end = load.await_end(10s);
  EXPECT_THAT(end.problem, HasSubstr("a virtual edge died"));
  ASSERT_TRUE(end.log);
  EXPECT_EQ(end.log->edges, 1U);
  EXPECT_EQ(report_on(*end.log).cut_off, 2);
}

TEST(LoadRun, EndsAtOnceWhereNoCloudAnswers) {
  Load load(tests::takes_of(fake_model(), 1));
  load.world().kill_cloud();
  load.start(closed(6, 6), 6, 0ns);
  const auto& end = load.await_end();
  EXPECT_FALSE(end.log);
  EXPECT_THAT(end.problem, HasSubstr("edge 1 of 6 did not reach the cloud"));
}

TEST(LoadRun, CanBeStoppedWhileItConnects) {
  Load load(tests::takes_of(fake_model(), 1), options_over("rtt=100ms"));
  load.start(closed(6, 6), 6, 0ns);
  load.stop();
  const auto& end = load.await_end();
  EXPECT_FALSE(end.log);
  EXPECT_THAT(end.problem, HasSubstr("interrupted"));
}

TEST(LoadRun, LeavesNoActorBehind) {
  Load load(tests::takes_of(fake_model(), 3));
  load.world().time().advance(1s);
  const auto before = load.world().actors_left();
  load.start(closed(6, 6), 6, 0ns);
  load.report();
  EXPECT_EQ(load.world().actors_left(), before);
}

TEST(LoadRun, LetsFullEdgesShareOneEngine) {
  Load load(tests::takes_of(fake_model(), 8), options_over("rtt=20ms"));
  load.compute_with(std::make_shared<tests::FakeEngine>(fake_model(), model::Part::edge));
  load.start(closed(6, 16), 6, std::nullopt);
  const auto report = load.report();
  EXPECT_TRUE(report.errors.empty());
  EXPECT_EQ(report.completed, 16);
  const auto sources = load.recorded_sources(2);
  EXPECT_EQ(report.sources.of_exit(0), sources.of_exit(0));
  EXPECT_EQ(report.sources.of_exit(1), sources.of_exit(1));
  EXPECT_EQ(report.sources.cloud(), sources.cloud());
}

}  // namespace
}  // namespace cecollm::load
