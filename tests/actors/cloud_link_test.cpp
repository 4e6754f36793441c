// The cloud link between a generation and a cloud whose every word the test says.

#include "actors/cloud_link.hpp"

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_nodes.hpp"
#include "transport/codec.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Heard {
  std::vector<transport::Message> on_the_wire;
  std::vector<CloudAnswered> answers;
  std::vector<CloudFailed> failures;
};

caf::behavior connection_that_hears(caf::event_based_actor*, Heard* heard) {
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
          [heard](const CloudAnswered& answer) { heard->answers.push_back(answer); },
          [heard](const CloudFailed& failure) { heard->failures.push_back(failure); },
          [](const UploadStopped&) {},
          [](const ModeChanged&) {},
          [](const RequestChanged&) {},
          [](const DeadlinePassed&) {},
          [](const ComputeFailed&) {},
          [](const CancelGeneration&) {
          }};
}

class CloudLink : public tests::DeterministicSystem {
 protected:
  static constexpr GenerationId generation = 1;

  void SetUp() override {
    connection_ = system_.spawn(connection_that_hears, &heard_);
    generation_ = system_.spawn(generation_that_hears, &heard_);
    auto setting = tests::link_setting_for(model_, 1);
    setting.dials.push_back([](const caf::actor&) {});
    setting.metrics = &edge_metrics_;
    link_ = system_.spawn(cloud_link, std::move(setting));
    tell(transport::ConnectionUp{connection_, "cloud", "memory"});
    transport::Welcome welcome;
    welcome.cloud_only = true;
    says(welcome);
    heard_.on_the_wire.clear();
  }
  void TearDown() override {
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
  void says_late(std::optional<std::uint64_t> position) {
    transport::Fault fault;
    fault.code = transport::FaultCode::late;
    fault.message = "late";
    fault.context = generation;
    fault.position = position;
    says(fault);
  }

  void open() { tell(OpenUpload{generation, {}, {}, generation_}); }
  void add_rows(std::int64_t first, std::int64_t count) {
    model::Rows rows;
    rows.count = count;
    rows.bytes = std::make_shared<const std::vector<std::byte>>(
        static_cast<std::size_t>(count) * model_.codec->row_bytes(model_.config.hidden_size));
    tell(UploadRows{generation, first, rows});
  }
  void ask(std::int64_t position) { tell(AskCloud{generation, position, 1s, {}}); }
  /// One that the cloud has, and its generation no longer waits for.
  void ask_and_give_up(std::int64_t position) {
    ask(position);
    tell(AbandonAsk{generation, position});
    says(transport::Pong{0});  // the cloud is there
  }

  tests::FakeModel model_ = tests::fake_model();
  Heard heard_;
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
  transport::Reply reply;
  reply.context = generation;
  reply.position = 4;
  says(reply);
  ASSERT_THAT(heard_.answers, SizeIs(1));
  EXPECT_EQ(heard_.answers[0].position, 4);
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

}  // namespace
}  // namespace cecollm::actors
