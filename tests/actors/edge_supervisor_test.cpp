// What an edge does when one of its own actors dies.

#include "actors/edge_supervisor.hpp"

#include <gmock/gmock.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/memory_cloud.hpp"

namespace cecollm::actors {
namespace {

class EdgeSupervisor : public tests::DeterministicSystem {
 protected:
  void SetUp() override {
    EdgeSetting setting;
    setting.engine = std::make_shared<tests::FakeEngine>(tests::fake_model(), model::Part::edge);
    setting.detached = false;
    setting.metrics = &edge_metrics_;
    edge_ = system_.spawn(edge_supervisor, std::move(setting));
    self_->monitor(edge_);
    run();
  }
  void start_generation() {
    GenerationRequest request;
    request.prompt = std::vector<model::TokenId>{5, 6, 7};
    request.thresholds.values = {2.0F, 2.0F};
    request.max_tokens = 40;
    caf::anon_send(edge_, StartGeneration{std::move(request), caf::actor_cast<caf::actor>(self_)});
    scheduler_.run_once();
  }
  const EdgeSupervisorState& state() const { return tests::state_of<EdgeSupervisorState>(edge_); }
  /// Empty: it lives.
  std::optional<caf::error> end_of_edge() {
    std::optional<caf::error> end;
    self_->receive([&](const caf::down_msg& down) { end = down.reason; },
                   caf::after(std::chrono::seconds(0)) >> [] {});
    return end;
  }

  edge_supervisor_actor edge_;
};

TEST_F(EdgeSupervisor, OutlivesGenerationsThatEnd) {
  start_generation();
  run();
  EXPECT_TRUE(state().generations.empty());
  EXPECT_FALSE(end_of_edge());
  caf::anon_send(edge_, Shutdown{});
  run();
  EXPECT_TRUE(end_of_edge());
}

// Its client would wait for ever, and its parts would stay: whoever watches the edge starts
// another.
TEST_F(EdgeSupervisor, EndsWithAGenerationThatDies) {
  start_generation();
  ASSERT_EQ(state().generations.size(), 1U);
  caf::anon_send_exit(state().generations.begin()->second, caf::exit_reason::kill);
  run();
  const auto end = end_of_edge();
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, caf::exit_reason::kill);
}

}  // namespace
}  // namespace cecollm::actors
