// The edge goes alone and comes back, on the test clock.

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include "tests/support/memory_world.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using policy::Mode;
using policy::ModeReason;
using policy::SupervisorState;
using ::testing::HasSubstr;
using tests::MemoryWorld;

constexpr std::size_t row_bytes = 16U * 4U;  // of the fake model

GenerationRequest asking(std::int64_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::vector<model::TokenId>{5, 6, 7};
  request.thresholds.values = {2.0F, 2.0F};
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  return request;
}

MemoryWorld::Options over(const std::string& link) {
  MemoryWorld::Options options;
  options.link = *transport::parse_link_spec(link);
  options.adaptive = true;
  return options;
}

SupervisorState state(const MemoryWorld& world) {
  return world.edge().modes->state();
}

TEST(ModeSwitching, KeepsRowsWhileAloneAndSendsTheGapBeforeTheNextAsk) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  const auto request = asking(30);
  world.after_tokens(10, [&] { world.reconfigure(Mode::standalone, false, request); });
  world.after_tokens(20, [&] { world.reconfigure(Mode::collaborative, false, request); });
  const auto watched = world.generate(request);
  world.time().advance(1min);
  tests::expect_complete_in_time(*watched, world.options().model.config);
  tests::expect_right_tokens(world.options().model, *watched);
  const auto& end = *watched->end;
  EXPECT_EQ(end.counts.fallback(), 0);
  EXPECT_GE(end.counts.of_exit(1), 8);
  EXPECT_GE(end.counts.cloud(), 18);
  ASSERT_EQ(end.mode_switches.size(), 2U);
  EXPECT_EQ(end.mode_switches[0].mode, Mode::standalone);
  EXPECT_EQ(end.mode_switches[1].mode, Mode::collaborative);
  EXPECT_EQ(end.mode, Mode::collaborative);
  // Every row went up, once.
  EXPECT_EQ(end.upload.rows_up, 3U + 30U - 1U);
  EXPECT_EQ(end.upload.rows_resent, 0U);
}

TEST(ModeSwitching, SendsNothingOfAGenerationThatIsAloneToItsEnd) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  const auto request = asking(30);
  world.reconfigure(Mode::standalone, false, request);
  world.time().run();
  const auto watched = world.generate(request);
  world.time().advance(1s);
  tests::expect_right_tokens(world.options().model, *watched);
  EXPECT_EQ(watched->end->counts.of_exit(1), 30);
  EXPECT_EQ(watched->end->upload.bytes_up, 0U);
  EXPECT_EQ(watched->end->mode, Mode::standalone);
}

TEST(ModeSwitching, GoesAloneWhenTheLinkFailsAndComesBackAfterLookingAtIt) {
  auto options = over("rtt=20ms");
  options.heartbeat = 500ms;
  MemoryWorld world(options);
  world.time().advance(5s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  world.force_link(transport::LinkState::stall);
  world.time().advance(8s);
  EXPECT_EQ(policy::mode_of(state(world)), Mode::standalone);
  const auto& transitions = world.edge_metrics().mode_transitions;
  EXPECT_EQ(transitions[ModeReason::link_silent].Value(), 1.0);
  world.force_link(transport::LinkState::up);
  world.time().advance(options.mode.maximum_probe_interval + options.mode.probe_timeout + 3s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  EXPECT_EQ(transitions[ModeReason::probe_passed].Value(), 1.0);
  const auto watched = world.generate(asking(10));
  world.time().advance(5s);
  tests::expect_undisturbed(world.options().model, *watched);
}

TEST(ModeSwitching, GoesAloneWhereAskingCostsTooMuch) {
  MemoryWorld world(over("rtt=300ms"));
  world.time().advance(20s);
  EXPECT_EQ(policy::mode_of(state(world)), Mode::standalone);
  EXPECT_EQ(world.edge_metrics().mode_transitions[ModeReason::round_trip_high].Value(), 1.0);
}

TEST(ModeSwitching, HoldsTheModeWhereItIsNotAdaptive) {
  auto options = over("rtt=300ms");
  options.adaptive = false;
  MemoryWorld world(options);
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  const auto watched = world.generate(asking(10));
  world.time().advance(10s);
  tests::expect_undisturbed(world.options().model, *watched);
}

TEST(ModeSwitching, HoldsTheModeOfAnOperatorOverAReloadUntilItIsLetGo) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  world.hold_mode(Mode::standalone);
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::standalone);
  EXPECT_EQ(world.edge().modes->reason(), ModeReason::forced);
  world.reconfigure(Mode::collaborative, true, asking(1));
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::standalone);
  world.hold_mode(std::nullopt);
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
}

TEST(ModeSwitching, HoldsCollaborativeOverALinkThatCostsTooMuch) {
  MemoryWorld world(over("rtt=300ms"));
  world.hold_mode(Mode::collaborative);
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  world.hold_mode(std::nullopt);
  world.time().advance(20s);
  EXPECT_EQ(policy::mode_of(state(world)), Mode::standalone);
}

TEST(ModeSwitching, FallsBackToTheSettingsHoldWhereAnOperatorLetsGo) {
  auto options = over("rtt=300ms");
  options.adaptive = false;
  MemoryWorld world(options);
  world.hold_mode(Mode::standalone);
  world.time().advance(1s);
  EXPECT_EQ(state(world), SupervisorState::standalone);
  world.hold_mode(std::nullopt);
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
}

TEST(Deadlines, LetNoTokenWaitForAnAnswerThatCannotComeInTime) {
  MemoryWorld world(over("rtt=150ms"));
  world.time().advance(2s);  // the first pong
  auto request = asking(20);
  request.token_deadline = request.first_token_deadline = 100ms;
  const auto watched = world.generate(request);
  const auto begun = world.time().now();
  world.time().run();
  EXPECT_EQ(world.time().now(), begun);
  ASSERT_EQ(watched->tokens.size(), 20U) << "some token waited";
  world.time().advance(1s);
  tests::expect_right_tokens(world.options().model, *watched);
  EXPECT_EQ(watched->end->counts.fallback(), 20);
  EXPECT_EQ(world.edge_metrics().asks[monitoring::AskOutcome::skipped].Value(), 20.0);
  EXPECT_EQ(world.edge_metrics().asks[monitoring::AskOutcome::late].Value(), 0.0);
  EXPECT_THAT(watched->end->warning, HasSubstr("too late"));
}

TEST(Deadlines, AreNotFearedForRowsThatTheLinkHasCarriedMeanwhile) {
  auto options = over("rtt=20ms,up=4mbit");
  options.adaptive = false;
  options.model.config.hidden_size = 128;  // rows of 512 bytes, which take the link 1 ms
  options.edge_pass = 2ms;
  // Nothing but an answer tells what has come through.
  options.heartbeat = 1h;
  options.acknowledge_bytes = 1U << 20U;
  options.window_bytes = 2U << 20U;
  MemoryWorld world(options);
  world.time().advance(1s);
  auto request = asking(400);
  request.prompt = std::vector<model::TokenId>(50, 5);
  request.token_deadline = 100ms;
  auto lax = request;
  lax.thresholds.values = {0.001F, 0.001F};
  world.after_tokens(10, [&] { world.reconfigure(Mode::collaborative, false, lax); });
  world.after_tokens(350, [&] { world.reconfigure(Mode::collaborative, false, request); });
  const auto watched = world.generate(request);
  world.time().advance(20s);
  tests::expect_complete_in_time(*watched, options.model.config, 10ms);
  EXPECT_GE(watched->end->counts.of_exit(0), 330);
  EXPECT_EQ(watched->end->counts.fallback(), 0) << watched->end->warning;
}

TEST(Deadlines, CostOneTokenOfALinkThatDied) {
  auto options = over("rtt=20ms");
  options.adaptive = false;
  MemoryWorld world(options);
  world.time().advance(1s);
  auto request = asking(50);
  request.token_deadline = 200ms;
  world.after_tokens(10, [&] { world.force_link(transport::LinkState::stall); });
  const auto watched = world.generate(request);
  world.time().advance(1s);
  ASSERT_EQ(watched->tokens.size(), 50U);
  const auto& asks = world.edge_metrics().asks;
  EXPECT_EQ(asks[monitoring::AskOutcome::late].Value(), 1.0);
  EXPECT_GE(asks[monitoring::AskOutcome::skipped].Value(), 38.0);
  world.force_link(transport::LinkState::up);
  world.time().advance(1s);
  tests::expect_right_tokens(world.options().model, *watched);
}

TEST(Reloads, ChangeThresholdsFromTheNextTokenOn) {
  MemoryWorld world(over("rtt=20ms"));
  world.time().advance(1s);
  auto request = asking(30);
  auto lax = request;
  lax.thresholds.values = {0.0F, 0.0F};
  world.after_tokens(10, [&] { world.reconfigure(Mode::collaborative, true, lax); });
  const auto watched = world.generate(request);
  world.time().advance(5s);
  EXPECT_GE(watched->end->counts.of_exit(0), 18);
  EXPECT_GE(watched->end->counts.cloud(), 10);
}

TEST(UploadBudgets, EndTheUploadOfARequestAndSaySo) {
  auto options = over("rtt=20ms");
  options.budget.per_request = 10 * row_bytes + 400;
  MemoryWorld world(options);
  world.time().advance(1s);
  const auto watched = world.generate(asking(40));
  world.time().advance(5s);
  tests::expect_complete_in_time(*watched, world.options().model.config);
  tests::expect_right_tokens(world.options().model, *watched);
  const auto& end = *watched->end;
  EXPECT_GT(end.counts.cloud(), 0);
  EXPECT_GT(end.counts.of_exit(1), 0);
  EXPECT_EQ(end.mode, Mode::standalone);
  EXPECT_THAT(end.warning, HasSubstr("upload_budget_request"));
  constexpr std::uint64_t goodbye = 32;  // the frame that closes the context comes on top
  EXPECT_LE(end.upload.bytes_up, *options.budget.per_request + goodbye);
  EXPECT_EQ(world.cloud_metrics().contexts.Value(), 0.0);
  const auto next = world.generate(asking(2));
  world.time().advance(5s);
  EXPECT_EQ(next->end->counts.cloud(), 2) << "another request has a budget of its own";
}

TEST(UploadBudgets, KeepTheEdgeAloneUntilTheNextDay) {
  auto options = over("rtt=20ms");
  options.budget.per_day = 20 * row_bytes + 400;
  options.heartbeat = 1s;
  MemoryWorld world(options);
  world.time().advance(1s);
  const auto watched = world.generate(asking(60));
  world.time().advance(10s);
  tests::expect_right_tokens(world.options().model, *watched);
  EXPECT_THAT(watched->end->warning, HasSubstr("upload_budget_day"));
  EXPECT_EQ(state(world), SupervisorState::standalone);
  EXPECT_EQ(world.edge_metrics().mode_transitions[ModeReason::budget_spent].Value(), 1.0);
  world.begin_next_day();
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  const auto next = world.generate(asking(2));
  world.time().advance(5s);
  EXPECT_EQ(next->end->counts.cloud(), 2);
}

/// What a budget's file says.
policy::SpentBudget spent_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return policy::parse_spent_budget(text).value();
}

class KeptUploadBudgets : public ::testing::Test {
 protected:
  KeptUploadBudgets() {
    options_.budget.per_day = 40 * row_bytes + 1000;
    options_.heartbeat = 1s;
  }
  /// As after a restart.
  MemoryWorld::Options options() {
    options_.budget_file = BudgetFile{file_, {}, {}};
    if (std::filesystem::exists(file_)) options_.budget_file->spent = spent_in(file_);
    return options_;
  }

  tests::TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_.path() / "budget";
  MemoryWorld::Options options_ = over("rtt=20ms");
};

TEST_F(KeptUploadBudgets, SurviveARestart) {
  std::uint64_t sent = 0;
  {
    MemoryWorld world(options());
    world.time().advance(1s);
    const auto watched = world.generate(asking(10));
    world.time().advance(5s);
    sent = watched->end->upload.bytes_up;
    EXPECT_EQ(watched->end->counts.cloud(), 10);
    EXPECT_GE(spent_in(file_).bytes, sent)
        << "were it killed now, it would have counted too little";
    world.shut_edges_down();
    world.time().advance(1s);
  }
  constexpr std::uint64_t goodbye = 32;  // the frame that closes the context comes on top
  EXPECT_EQ(spent_in(file_).day, options_.day);
  EXPECT_LE(spent_in(file_).bytes, sent) << "it ended in order, so the number is exact";
  EXPECT_GE(spent_in(file_).bytes + goodbye, sent);

  MemoryWorld world(options());
  world.time().advance(1s);
  const auto watched = world.generate(asking(60));
  world.time().advance(10s);
  EXPECT_THAT(watched->end->warning, HasSubstr("upload_budget_day"));
  EXPECT_LE(sent + watched->end->upload.bytes_up, *options_.budget.per_day + 2 * goodbye);
  EXPECT_EQ(state(world), SupervisorState::standalone);
}

TEST_F(KeptUploadBudgets, KeepARestartedEdgeAloneFromItsBeginningUntilTheNextDay) {
  ASSERT_TRUE(write_spent_budget(file_, {options_.day, *options_.budget.per_day}));
  MemoryWorld world(options());
  world.time().advance(1s);
  EXPECT_EQ(state(world), SupervisorState::standalone);
  const auto alone = world.generate(asking(10));
  world.time().advance(1s);
  EXPECT_EQ(alone->end->upload.bytes_up, 0U);
  world.begin_next_day();
  world.time().advance(20s);
  EXPECT_EQ(state(world), SupervisorState::collaborative);
  const auto next = world.generate(asking(2));
  world.time().advance(5s);
  EXPECT_EQ(next->end->counts.cloud(), 2);
  EXPECT_EQ(spent_in(file_).day, options_.day + std::chrono::days(1));
}

TEST_F(KeptUploadBudgets, GoOnWhereTheFileCannotBeWrittenAndSaySo) {
  std::ostringstream said;
  const monitoring::Logger logger("edge", monitoring::LogLevel::error,
                                  std::make_shared<spdlog::sinks::ostream_sink_mt>(said));
  auto options = this->options();
  options.budget_file->path = directory_.path() / "missing" / "budget";
  options.budget_file->logger = logger;
  MemoryWorld world(options);
  world.time().advance(1s);
  const auto watched = world.generate(asking(10));
  world.time().advance(5s);
  EXPECT_EQ(watched->end->counts.cloud(), 10);
  EXPECT_THAT(said.str(), HasSubstr("budget cannot be written: No such file or directory"));
}

TEST(RowMemory, IsBoundedAndAGenerationBeyondItGoesOnAlone) {
  auto options = over("rtt=20ms");
  options.max_kept_bytes = 16 * row_bytes;
  MemoryWorld world(options);
  world.time().advance(1s);
  const auto watched = world.generate(asking(40));
  world.time().advance(5s);
  tests::expect_complete_in_time(*watched, world.options().model.config);
  tests::expect_right_tokens(world.options().model, *watched);
  EXPECT_EQ(watched->end->counts.cloud(), 14);
  EXPECT_THAT(watched->end->warning, HasSubstr("row_memory"));
  EXPECT_EQ(world.edge_metrics().retained_row_bytes.Value(), 0.0);
}

}  // namespace
}  // namespace cecollm::actors
