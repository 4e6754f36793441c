// The window of row bytes that one link has for all its contexts.

#include "tests/support/memory_world.hpp"
#include "tests/support/token_audit.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::actors {
namespace {

using namespace std::chrono_literals;
using tests::MemoryWorld;

class FullWindows : public ::testing::Test {
 protected:
  static constexpr std::size_t row_bytes = 16U * 4U;

  FullWindows() {
    options_.acknowledge_bytes = 16 * row_bytes;
    options_.window_bytes = 4 * options_.acknowledge_bytes;
  }
  /// A context that uploads and does not ask.
  static void upload(MemoryWorld& world, GenerationId id, std::int64_t count) {
    model::Rows rows;
    rows.count = count;
    rows.bytes =
        std::make_shared<const std::vector<std::byte>>(row_bytes * static_cast<std::size_t>(count));
    caf::anon_send(world.edge().link, OpenUpload{id, {}, {}, {}});
    caf::anon_send(world.edge().link, UploadRows{id, 0, rows});
  }
  /// One that asks for each of its tokens.
  static std::shared_ptr<const tests::Watched> generate(MemoryWorld& world) {
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>{5, 6, 7};
    request.thresholds.values = {2.0F, 2.0F};
    request.max_tokens = 40;
    request.ignore_eos = true;
    return world.generate(std::move(request));
  }
  MemoryWorld::Options options_;
};

TEST_F(FullWindows, AreNotMadeOfManyContextsThatAskNothing) {
  MemoryWorld world(options_);
  world.time().run();
  // As many rows as the cloud would take from one context without a word.
  for (GenerationId id = 1000; id < 1020; ++id) upload(world, id, 15);
  const auto watched = generate(world);
  world.time().advance(1h);
  tests::expect_complete_in_time(*watched, options_.model.config);
  tests::expect_undisturbed(options_.model, *watched);
}

TEST_F(FullWindows, OpenAgainWhenAContextIsClosed) {
  options_.link = *transport::parse_link_spec("rtt=100ms");
  MemoryWorld world(options_);
  world.time().advance(10s);
  upload(world, 1000, 64);
  const auto watched = generate(world);
  world.time().run();
  EXPECT_EQ(world.link().uploads.at(1).log.sent(), 0U);
  caf::anon_send(world.edge().link, CloseUpload{1000, false});
  world.time().run();
  EXPECT_EQ(world.link().uploads.at(1).log.sent(), 3U);
  world.time().advance(1h);
  tests::expect_undisturbed(options_.model, *watched);
}

}  // namespace
}  // namespace cecollm::actors
