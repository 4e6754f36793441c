// The cloud link between a generation and a cloud whose every word the test says.

#include "actors/cloud_link.hpp"

#include <array>

#include <gmock/gmock.h>

#include "actors/network_probe.hpp"
#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_nodes.hpp"
#include "tests/support/memory_cloud.hpp"
#include "transport/codec.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

struct Heard {
  std::vector<transport::Message> on_the_wire;
  std::vector<CloudAnswered> answers;
  std::vector<CloudFailed> failures;
};

caf::behavior link_connection_that_hears(caf::event_based_actor*, Heard* heard) {
  return {[heard](const transport::SendFrame& frame) {
            const std::span<const char> bytes(*frame.bytes);
            heard->on_the_wire.push_back(
                *transport::decode_envelope(bytes.subspan(transport::frame_prefix_bytes)));
          },
          [](const transport::CloseConnection&) {
          }};
}

generation_actor::behavior_type generation_that_hears(generation_actor::pointer, Heard* heard) {
  return {[](const ExitTaken&) {},
          [](const NoExitSure&) {},
          [](const AskLikely&) {},
          [heard](const CloudAnswered& answer) { heard->answers.push_back(answer); },
          [heard](const CloudFailed& failure) { heard->failures.push_back(failure); },
          [](const UploadStopped&) {},
          [](const ModeChanged&) {},
          [](const RequestChanged&) {},
          [](const DeadlineBell&) {},
          [](const ComputeFailed&) {},
          [](const CancelGeneration&) {
          }};
}

class CloudLink : public tests::DeterministicSystem {
 protected:
  static constexpr GenerationId generation = 1;
  static constexpr std::chrono::seconds failback_after{60};

  void SetUp() override {
    connection_ = system_.spawn(link_connection_that_hears, &heard_);
    generation_ = system_.spawn(generation_that_hears, &heard_);
    auto setting = tests::link_setting_for(model_, 1);
    for (auto& owner : dialed_for_) {
      setting.dials.push_back([&owner](const caf::actor& dialing) { owner = dialing; });
    }
    setting.reconnect.failback_after = failback_after;
    setting.vocab_size = model_.config.vocab_size;
    setting.metrics = &edge_metrics_;
    link_ = system_.spawn(cloud_link, std::move(setting));
    connect();
    heard_.on_the_wire.clear();
  }
  void connect(transport::Welcome welcome = {}) {
    tell(transport::ConnectionUp{connection_, "cloud", "memory"});
    welcome.cloud_only = true;
    says(welcome);
  }
  void connect_anew(const transport::Welcome& welcome) {
    tell(transport::ConnectionDown{{transport::ErrorCode::closed, "gone"}});
    connect(welcome);
  }
  const CloudLinkState& state() const { return tests::state_of<CloudLinkState>(link_); }
  template <class Message>
  std::vector<Message> sent() const {
    std::vector<Message> messages;
    for (const auto& message : heard_.on_the_wire) {
      if (const auto* wanted = std::get_if<Message>(&message)) messages.push_back(*wanted);
    }
    return messages;
  }
  void TearDown() override {
    dialed_for_ = {};
    tell(Shutdown{});
    tell(transport::ConnectionDown{});
    for (const auto& actor : {connection_, caf::actor_cast<caf::actor>(generation_)}) {
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    }
    run();
  }

  template <class Message>
  void tell(Message message) {
    caf::anon_send(link_, std::move(message));
    run();
  }
  /// The cloud does.
  void says(const transport::Message& message) {
    auto frame = transport::encode_frame(message);
    frame.erase(frame.begin(), frame.begin() + transport::frame_prefix_bytes);
    tell(transport::FrameArrived{std::move(frame), {}});
  }
  void answers(std::uint64_t position) {
    transport::Reply reply;
    reply.context = generation;
    reply.position = position;
    says(reply);
  }
  /// Of the context; `position`: of this ask.
  void says_fault(transport::FaultCode code, std::uint32_t epoch,
                  std::optional<std::uint64_t> position = {},
                  std::chrono::milliseconds retry_after = {}) {
    transport::Fault fault;
    fault.code = code;
    fault.message = transport::name_of(code);
    fault.context = generation;
    fault.epoch = epoch;
    fault.position = position;
    fault.retry_after_ms = static_cast<std::uint32_t>(retry_after.count());
    says(fault);
  }
  void says_late(std::optional<std::uint64_t> position) {
    says_fault(transport::FaultCode::late, 0, position);
  }
  void says_overloaded(std::uint64_t position, std::chrono::milliseconds retry_after) {
    says_fault(transport::FaultCode::overloaded, 0, position, retry_after);
  }
  void says_no_room(std::uint32_t epoch) { says_fault(transport::FaultCode::overloaded, epoch); }
  void says_unknown(std::uint32_t epoch) {
    says_fault(transport::FaultCode::unknown_context, epoch);
  }
  void says_held(std::uint64_t rows) {
    transport::RowsHeld held;
    held.context = generation;
    held.next_sequence = rows;
    says(held);
  }
  /// Whether the link has answered, by now or later.
  std::shared_ptr<const bool> close(bool keep) {
    auto answered = std::make_shared<bool>(false);
    const auto closer = [](caf::event_based_actor* self, const cloud_link_actor& link, bool keeps,
                           const std::shared_ptr<bool>& done) {
      self->request(link, caf::infinite, CloseUpload{generation, true, keeps})
          .then([done](const UploadStats&) { *done = true; }, [](const caf::error&) {});
    };
    system_.spawn(closer, link_, keep, answered);
    run();
    return answered;
  }

  void open() { tell(OpenUpload{generation, {}, {}, generation_}); }
  void add_rows(std::int64_t first, std::int64_t count) {
    model::Rows rows;
    rows.count = count;
    rows.bytes = std::make_shared<const std::vector<std::byte>>(
        static_cast<std::size_t>(count) * model_.codec->row_bytes(model_.config.hidden_size));
    tell(UploadRows{generation, first, rows});
  }
  void open_stream() {
    GenerateOnCloud request;
    request.generation = generation;
    request.prompt = {5, 6, 7};
    request.max_tokens = 10;
    request.reply_to = generation_;
    tell(request);
  }
  void ask(std::int64_t position) { tell(AskCloud{generation, position, 1s, {}}); }
  void ask_ahead(std::int64_t position) { tell(AskCloud{generation, position, 1s, {}, true}); }
  void ask_ahead_in_vain(std::int64_t position) {
    ask_ahead(position);
    tell(WithdrawAsk{generation, position});
  }
  /// One that the cloud has, and its generation no longer waits for.
  void ask_and_give_up(std::int64_t position) {
    ask(position);
    tell(AbandonAsk{generation, position});
    says(transport::Pong{0});  // the cloud is there
  }

  tests::FakeModel model_ = tests::fake_model();
  Heard heard_;
  std::array<caf::actor, 2> dialed_for_;  // each cloud: who wanted it last
  caf::actor connection_;
  generation_actor generation_;
  cloud_link_actor link_;
};

TEST_F(CloudLink, KeepsAskingWhenAFaultAnswersAnAskThatWasGivenUp) {
  open();
  add_rows(0, 3);
  ask_and_give_up(3);
  add_rows(3, 1);
  ask(4);
  says_late(3);
  EXPECT_THAT(heard_.failures, SizeIs(0));
  answers(4);
  ASSERT_THAT(heard_.answers, SizeIs(1));
  EXPECT_EQ(heard_.answers[0].position, 4);
}

TEST_F(CloudLink, GivesACloudUpThatAnswersATokenWhichTheModelDoesNotHave) {
  open();
  add_rows(0, 3);
  ask(3);
  transport::Reply reply;
  reply.context = generation;
  reply.position = 3;
  reply.token = model_.config.vocab_size;
  says(reply);
  EXPECT_THAT(heard_.answers, SizeIs(0));
  tell(transport::ConnectionDown{});
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_EQ(heard_.failures[0].reason, "the cloud sent token 64 of a vocabulary of 64");
}

TEST_F(CloudLink, FailsTheAskThatAFaultAnswers) {
  open();
  add_rows(0, 3);
  ask(3);
  says_late(3);
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_EQ(heard_.failures[0].position, 3);
  EXPECT_EQ(heard_.failures[0].reason, "late");
}

TEST_F(CloudLink, FailsTheAskWhereAnOlderCloudDoesNotSayWhichOneItsFaultAnswers) {
  open();
  add_rows(0, 3);
  ask(3);
  says_late({});
  EXPECT_THAT(heard_.failures, SizeIs(1));
}

TEST_F(CloudLink, LeavesAnOverloadedCloudAloneUntilItMayBeAskedAgain) {
  open();
  add_rows(0, 3);
  ask(3);
  says_overloaded(3, 300ms);
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_FALSE(heard_.failures[0].skipped);
  add_rows(3, 1);
  advance(299ms);
  heard_.on_the_wire.clear();
  ask(4);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(0));
  ASSERT_THAT(heard_.failures, SizeIs(2));
  EXPECT_TRUE(heard_.failures[1].skipped);
  advance(1ms);
  ask(4);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(1));
  EXPECT_THAT(heard_.failures, SizeIs(2));
}

TEST_F(CloudLink, HeedsTheHintThatCameToAnAskWhichWasGivenUp) {
  open();
  add_rows(0, 3);
  ask_and_give_up(3);
  says_overloaded(3, 300ms);
  add_rows(3, 1);
  ask(4);
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_TRUE(heard_.failures[0].skipped);
}

TEST_F(CloudLink, AsksAnotherCloudAtOnceWhereOneWasOverloaded) {
  open();
  add_rows(0, 3);
  ask(3);
  says_overloaded(3, 1h);
  tell(transport::ConnectionDown{{transport::ErrorCode::closed, "gone"}});
  connect();
  transport::RowsHeld none;
  none.context = generation;
  none.epoch = 1;
  says(none);
  heard_.on_the_wire.clear();
  ask(3);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(1));
}

TEST_F(CloudLink, DropsTheAnswerToAnAskThatWasWithdrawn) {
  open();
  add_rows(0, 3);
  ask_ahead_in_vain(3);
  answers(3);
  EXPECT_THAT(heard_.answers, SizeIs(0));
  EXPECT_THAT(heard_.failures, SizeIs(0));
}

TEST_F(CloudLink, GoesOnAskingAfterAnAskWasWithdrawn) {
  open();
  add_rows(0, 3);
  ask_ahead_in_vain(3);
  add_rows(3, 1);
  ask(4);
  answers(4);
  ASSERT_THAT(heard_.answers, SizeIs(1));
  EXPECT_EQ(heard_.answers[0].position, 4);
}

TEST_F(CloudLink, AsksNotAheadWhileTheCloudIsBusyWithAnAskInVain) {
  open();
  add_rows(0, 3);
  ask_ahead_in_vain(3);
  add_rows(3, 1);
  heard_.on_the_wire.clear();
  ask_ahead(4);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(0));
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_TRUE(heard_.failures[0].skipped);
  answers(3);
  ask_ahead(4);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(1));
}

TEST_F(CloudLink, AsksAheadAgainOnceALaterAskWasAnswered) {
  open();
  add_rows(0, 3);
  ask_ahead_in_vain(3);
  add_rows(3, 1);
  ask(4);
  answers(4);  // the cloud has dropped the one before
  add_rows(4, 1);
  ask_ahead(5);
  EXPECT_THAT(heard_.failures, SizeIs(0));
}

TEST_F(CloudLink, AsksAheadAgainOnceAnAskInVainWasRefused) {
  open();
  add_rows(0, 3);
  ask_ahead_in_vain(3);
  says_late(3);
  add_rows(3, 1);
  ask_ahead(4);
  EXPECT_THAT(heard_.failures, SizeIs(0));
}

TEST_F(CloudLink, SkipsAsksOfAContextForWhichTheCloudHasNoRoom) {
  open();
  add_rows(0, 3);
  says_no_room(0);
  heard_.on_the_wire.clear();
  ask(3);
  ASSERT_THAT(heard_.failures, SizeIs(1)) << "waits for an answer that cannot come";
  EXPECT_TRUE(heard_.failures[0].skipped);
  EXPECT_THAT(heard_.on_the_wire, SizeIs(0));
}

TEST_F(CloudLink, SkipsAsksOfAContextForWhichTheCloudHasNoRoomAnyMore) {
  open();
  add_rows(0, 3);
  says_unknown(0);
  says_no_room(1);
  ask(3);
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_TRUE(heard_.failures[0].skipped);
}

TEST_F(CloudLink, LetsNoGenerationWaitForItsLastRowsToGo) {
  constexpr std::int64_t rows = 50'000;  // more than the window
  open();
  add_rows(0, rows);
  ASSERT_TRUE(*close(false));
  EXPECT_THAT(sent<transport::CloseContext>(), SizeIs(0));
  const auto row_bytes = model_.codec->row_bytes(model_.config.hidden_size);
  std::size_t gone = 0;
  for (int round = 0; round < 10; ++round) {
    gone = 0;
    for (const auto& batch : sent<transport::RowBatch>()) gone += batch.payload->size();
    if (gone == rows * row_bytes) break;
    says_held(gone / row_bytes);
  }
  EXPECT_EQ(gone, rows * row_bytes);
  EXPECT_THAT(sent<transport::CloseContext>(), SizeIs(1));
  EXPECT_TRUE(state().uploads.empty());
}

TEST_F(CloudLink, GivesUpLastRowsWhoseContextTheCloudHasLost) {
  open();
  add_rows(0, 50'000);
  ASSERT_TRUE(*close(false));
  EXPECT_THAT(state().uploads, SizeIs(1));
  says_unknown(0);
  EXPECT_TRUE(state().uploads.empty());
}

TEST_F(CloudLink, ResumesAConversationWhoseLastRowsAreStillToGo) {
  open();
  add_rows(0, 50'000);
  ASSERT_TRUE(*close(true));
  tell(ResumeUpload{{generation, {}, {}, generation_}, 50'000});
  const auto opened = sent<transport::OpenContext>();
  ASSERT_THAT(opened, SizeIs(2));
  EXPECT_EQ(opened.back().epoch, 1U);
}

TEST_F(CloudLink, KeepsAConversationOutOfTheTimelineThatHasEnded) {
  const auto trace = std::make_shared<monitoring::GenerationTrace>(generation);
  tell(OpenUpload{generation, {}, {}, generation_, trace});
  add_rows(0, 3);
  ASSERT_TRUE(*close(true));
  const auto ended = trace->to_json();
  EXPECT_THAT(ended, ::testing::HasSubstr("\"confirmed\":false"));
  says_held(3);
  ASSERT_TRUE(*close(false));
  EXPECT_EQ(trace->to_json(), ended);
}

TEST_F(CloudLink, EndsAStreamOnTheCloudThatItsGenerationGaveUp) {
  open_stream();
  heard_.on_the_wire.clear();
  tell(AbandonAsk{generation, 3});
  ASSERT_THAT(heard_.on_the_wire, SizeIs(1));
  const auto* closed = std::get_if<transport::CloseContext>(&heard_.on_the_wire[0]);
  ASSERT_NE(closed, nullptr);
  EXPECT_EQ(closed->context, generation);
  caf::anon_send(link_, CloseUpload{generation, true});
  run();
  EXPECT_THAT(heard_.on_the_wire, SizeIs(1)) << "closed twice";
}

TEST_F(CloudLink, LetsNoStreamWaitForAConnectionWhereTheEdgeGoesAlone) {
  tell(transport::ConnectionDown{{transport::ErrorCode::closed, "gone"}});
  advance(1s);  // dialing again
  open_stream();
  EXPECT_THAT(heard_.failures, SizeIs(0));
  tell(HoldRows{true});
  EXPECT_THAT(heard_.failures, SizeIs(1));
}

TEST_F(CloudLink, LetsNoAskWaitForRowsThatAreHeldBack) {
  open();
  add_rows(0, 2);
  ask(3);
  EXPECT_THAT(heard_.failures, SizeIs(0));
  tell(HoldRows{true});
  ASSERT_THAT(heard_.failures, SizeIs(1));
  EXPECT_EQ(heard_.failures[0].position, 3);
  EXPECT_TRUE(heard_.failures[0].skipped);
}

TEST_F(CloudLink, WaitsForAnAskOnItsWayWhereTheEdgeGoesAlone) {
  open();
  add_rows(0, 3);
  ask(3);
  tell(HoldRows{true});
  EXPECT_THAT(heard_.failures, SizeIs(0));
}

TEST_F(CloudLink, SendsNoMoreAtOnceThanTheCloudTakes) {
  transport::Welcome welcome;
  welcome.max_frame_bytes = 1024;
  connect_anew(welcome);
  open();
  heard_.on_the_wire.clear();
  add_rows(0, 100);
  std::size_t bytes = 0;
  for (const auto& batch : sent<transport::RowBatch>()) {
    EXPECT_LE(transport::encode_frame(batch).size(), 1024U);
    bytes += batch.payload->size();
  }
  EXPECT_EQ(bytes, 100 * model_.codec->row_bytes(model_.config.hidden_size));
}

TEST_F(CloudLink, PingsAsOftenAsTheCloudWants) {
  const auto probe = system_.spawn(network_probe, NetworkProbeSetting{30s, &edge_metrics_}, link_,
                                   edge_supervisor_actor());
  run();
  transport::Welcome welcome;
  welcome.heartbeat_ms = 2000;
  connect_anew(welcome);
  ASSERT_THAT(sent<transport::Ping>(), SizeIs(::testing::Ge(1U)));
  says(transport::Pong{sent<transport::Ping>().back().nonce});
  heard_.on_the_wire.clear();
  advance(1999ms);
  EXPECT_THAT(sent<transport::Ping>(), SizeIs(0));
  advance(1ms);
  EXPECT_THAT(sent<transport::Ping>(), SizeIs(1));
  caf::anon_send_exit(probe, caf::exit_reason::user_shutdown);
}

TEST_F(CloudLink, LeavesACloudAloneThatSentItAway) {
  says(transport::GoAway{"restarting", 30'000});
  dialed_for_ = {};
  tell(transport::ConnectionDown{{transport::ErrorCode::closed, "gone"}});
  const auto seconds_until_dialed = [&] {
    for (int second = 0; second < 60; ++second) {
      if (dialed_for_[0]) return second;
      // The other cloud cannot be reached.
      if (std::exchange(dialed_for_[1], nullptr)) tell(transport::ConnectionDown{});
      advance(1s);
    }
    return 60;
  }();
  EXPECT_GE(seconds_until_dialed, 30);
  EXPECT_LT(seconds_until_dialed, 60);
}

TEST_F(CloudLink, LooksForABetterCloudUnderAnotherInstance) {
  tell(transport::ConnectionDown{{transport::ErrorCode::closed, "gone"}});
  ASSERT_TRUE(dialed_for_[1]);
  connect();
  advance(failback_after + 1s);
  ASSERT_NE(dialed_for_[0], caf::actor_cast<caf::actor>(link_)) << "no scout";
  heard_.on_the_wire.clear();
  caf::anon_send(dialed_for_[0], transport::ConnectionUp{connection_, "cloud", "memory"});
  run();
  ASSERT_THAT(heard_.on_the_wire, SizeIs(1));
  const auto* hello = std::get_if<transport::Hello>(&heard_.on_the_wire[0]);
  ASSERT_NE(hello, nullptr);
  EXPECT_NE(hello->instance, 1U) << "the cloud would take it for the edge's own connection";
  caf::anon_send(dialed_for_[0], transport::ConnectionDown{});
  run();
}

}  // namespace
}  // namespace cecollm::actors
