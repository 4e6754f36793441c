// Edges that misbehave, and the cloud that serves another one meanwhile: undisturbed, and without
// keeping anything of theirs.

#include <gmock/gmock.h>

#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/codec.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;
using tests::MemoryWorld;

/// What an edge that the test plays has heard; frames are its own where it does not read.
struct HeardByEdge {
  caf::actor connection;
  std::vector<transport::Message> messages;
  std::optional<transport::Error> down;
  bool reads = true;
  std::vector<transport::FrameArrived> unread;
};

caf::behavior played_edge(caf::event_based_actor*, HeardByEdge* heard) {
  return {[heard](const transport::ConnectionUp& up) { heard->connection = up.connection; },
          [heard](const transport::FrameArrived& frame) {
            if (!heard->reads) {
              heard->unread.push_back(frame);
            } else {
              heard->messages.push_back(*transport::decode_envelope(frame.envelope));
            }
          },
          [](const transport::SendQueueDrained&) {},
          [heard](const transport::ConnectionDown& down) {
            heard->down = down.reason;
            heard->connection = nullptr;
          }};
}

class BadEdges : public ::testing::Test {
 protected:
  static constexpr std::size_t row_bytes = 16U * 4U;

  BadEdges() {
    options_.link = *transport::parse_link_spec("rtt=20ms");
    options_.cloud_pass = 1ms;
    options_.grace_time = 5s;
    options_.limits.max_queued_bytes = 4096;
    options_.limits.max_inbound_bytes = 4096;
  }
  ~BadEdges() override {
    heard_.unread.clear();
    caf::anon_send_exit(edge_, caf::exit_reason::kill);
    world_->time().advance(1min);  // its connection ends with it
    heard_.connection = nullptr;
  }

  /// A good edge is at work, and a bad one connects.
  void start() {
    world_.emplace(options_);
    world_->time().advance(1s);
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>{5, 6, 7};
    request.thresholds.values = {2.0F, 2.0F};
    request.max_tokens = 400;
    request.ignore_eos = true;
    request.token_deadline = request.first_token_deadline = 100ms;
    good_ = world_->generate(request);
    edge_ = world_->system().spawn(played_edge, &heard_);
    way_ = world_->join("bad", edge_);
    world_->time().advance(100ms);
    ASSERT_TRUE(heard_.connection);
  }
  void greet() {
    transport::Hello hello;
    hello.instance = 1;  // as the good edge's: identities keep them apart
    hello.model = tests::digests_of(options_.model);
    hello.row_dtype = options_.model.codec->name();
    hello.hidden_size = options_.model.config.hidden_size;
    say(hello);
    ASSERT_THAT(heard_.messages, SizeIs(1));
    ASSERT_TRUE(std::holds_alternative<transport::Welcome>(heard_.messages[0]));
    heard_.messages.clear();
  }
  void say(const transport::Message& message) {
    caf::anon_send(heard_.connection,
                   transport::SendFrame{std::make_shared<const std::vector<char>>(
                       transport::encode_frame(message))});
    world_->time().advance(50ms);
  }
  void say_garbage() {
    std::vector<char> frame(transport::frame_prefix_bytes + 40, '\x5a');
    std::fill_n(frame.begin(), transport::frame_prefix_bytes, '\0');
    frame[transport::frame_prefix_bytes - 1] = 40;
    caf::anon_send(heard_.connection,
                   transport::SendFrame{std::make_shared<const std::vector<char>>(frame)});
    world_->time().advance(50ms);
  }
  void send_rows(std::uint64_t context, std::size_t bytes) {
    transport::RowBatch rows;
    rows.context = context;
    rows.payload = std::make_shared<const std::vector<std::byte>>(bytes);
    say(rows);
  }
  void open(std::uint64_t context) {
    transport::OpenContext open;
    open.context = context;
    say(open);
  }
  void stream(std::uint64_t context) {
    transport::Generate generate;
    generate.context = context;
    generate.prompt = {5, 6, 7};
    generate.max_tokens = 500;
    generate.ignore_eos = true;
    generate.sampling.top_logprobs = 20;
    say(generate);
  }
  /// What the cloud holds while the good edge has one context.
  std::uint64_t contexts() { return static_cast<std::uint64_t>(metrics().contexts.Value()); }
  const monitoring::CloudMetrics& metrics() { return world_->cloud_metrics(); }
  double faults(transport::FaultCode code) { return metrics().faults[code].Value(); }

  /// The other edge had every token in time, and nothing is left.
  void expect_no_harm() {
    world_->time().advance(30s);
    tests::expect_complete_in_time(*good_, options_.model.config);
    tests::expect_undisturbed(options_.model, *good_);
    EXPECT_EQ(metrics().connections.Value(), 1.0);
    const auto store = world_->cloud().store_level();
    EXPECT_EQ(store.clients, 1U);
    EXPECT_EQ(store.contexts, 0U);
    EXPECT_EQ(store.row_bytes, 0U);
    EXPECT_EQ(world_->cloud().compute_level().sessions, 0U);
  }

  MemoryWorld::Options options_;
  HeardByEdge heard_;
  std::optional<MemoryWorld> world_;
  std::shared_ptr<tests::Watched> good_;
  caf::actor edge_;
  std::optional<transport::MemoryNetwork> way_;
};

TEST_F(BadEdges, AreDisconnectedWhenTheySendGarbage) {
  start();
  greet();
  open(1);
  send_rows(1, 3 * row_bytes);
  stream(2);
  EXPECT_EQ(contexts(), 3U);
  say_garbage();
  EXPECT_TRUE(heard_.down);
  EXPECT_EQ(faults(transport::FaultCode::protocol), 1.0);
  EXPECT_EQ(contexts(), 2U) << "a stream that nobody reads";
  expect_no_harm();
}

TEST_F(BadEdges, HearThatRowsAreOfNoContext) {
  start();
  greet();
  for (std::uint64_t context = 1; context <= 50; ++context) send_rows(context, 3 * row_bytes);
  EXPECT_EQ(faults(transport::FaultCode::unknown_context), 50.0);
  EXPECT_EQ(contexts(), 1U);
  EXPECT_FALSE(heard_.down) << "it may have been dropped, and opens anew";
  caf::anon_send(heard_.connection, transport::CloseConnection{});
  expect_no_harm();
}

TEST_F(BadEdges, HearThatBytesAreNoRows) {
  start();
  greet();
  open(1);
  send_rows(1, row_bytes + 1);
  EXPECT_EQ(faults(transport::FaultCode::bad_row), 1.0);
  caf::anon_send(heard_.connection, transport::CloseConnection{});
  expect_no_harm();
}

TEST_F(BadEdges, AreDisconnectedWhenTheyReadNothing) {
  start();
  greet();
  open(1);
  heard_.reads = false;
  stream(2);
  world_->time().advance(3s);
  EXPECT_EQ(metrics().connections.Value(), 1.0);
  EXPECT_EQ(contexts(), 2U) << "streams that nobody reads";
  expect_no_harm();
}

TEST_F(BadEdges, AreForgottenWhenTheyVanishWithoutAGoodbye) {
  start();
  greet();
  open(1);
  send_rows(1, 3 * row_bytes);
  stream(2);
  way_->force(transport::LinkState::outage);
  world_->time().advance(options_.limits.silence_limit);
  EXPECT_EQ(metrics().connections.Value(), 1.0);
  EXPECT_EQ(world_->cloud().store_level().row_bytes, 3 * row_bytes) << "it might come back";
  expect_no_harm();
}

TEST_F(BadEdges, AreDisconnectedWhenTheyDoNotIntroduceThemselves) {
  start();
  world_->time().advance(PeerSetting{}.hello_limit);
  EXPECT_TRUE(heard_.down);
  EXPECT_EQ(faults(transport::FaultCode::protocol), 1.0);
  expect_no_harm();
}

}  // namespace
}  // namespace cecollm::actors
