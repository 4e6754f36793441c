#pragma once
// Runs one fault schedule and checks what must hold whatever befalls link and cloud.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "actors/exit_decision.hpp"
#include "actors/shallow_compute.hpp"
#include "tests/support/fault_schedule.hpp"
#include "tests/support/token_audit.hpp"

namespace cecollm::tests {

/// What befell the generations of several schedules, to see that something did.
struct FaultTotals {
  std::int64_t cloud_tokens = 0;
  std::int64_t fallback_tokens = 0;
  std::uint64_t rows_resent = 0;
  double late_asks = 0;
  double lost_asks = 0;
};

class FaultRun {
 public:
  explicit FaultRun(const FaultSchedule& schedule)
      : schedule_(schedule), world_(schedule.options), time_(world_.time()) {}

  void check(FaultTotals& totals) {
    let_it_happen(totals);
    if (::testing::Test::HasFailure()) return;
    heal();
    expect_the_cloud_back();
    if (::testing::Test::HasFailure()) return;
    expect_nothing_held();
    expect_an_end_in_order();
  }

 private:
  using Watches = std::vector<std::shared_ptr<const Watched>>;
  void let_it_happen(FaultTotals& totals) {
    const auto begun = time_.now();
    auto limit = begun;
    Watches watches;
    for (const auto& generation : schedule_.generations) {
      const auto& request = generation.request;
      const auto at = begun + generation.at;
      limit = std::max(limit, at + request.max_tokens * edge_time() + request.first_token_deadline +
                                  (request.max_tokens - 1) * request.token_deadline);
      time_.at(at, [&] { watches.push_back(world_.generate(request)); });
    }
    for (const auto& fault : schedule_.faults) {
      if (fault.after_tokens) {
        world_.after_tokens(*fault.after_tokens, [&] { befall(fault); });
      } else {
        time_.at(begun + fault.at, [&] { befall(fault); });
      }
    }
    const auto all_ended = [&] {
      return watches.size() == schedule_.generations.size() && ended(watches);
    };
    time_.run_until(all_ended, limit + farewell_limit);
    for (const auto& watched : watches) {
      SCOPED_TRACE("the generation of " + std::to_string(watched->request.max_tokens) + " tokens");
      expect_complete_in_time(*watched, world_.options().model.config, edge_time());
      expect_right_tokens(world_.options().model, *watched);
      if (!watched->end) continue;
      totals.cloud_tokens += watched->end->counts.cloud();
      totals.fallback_tokens += watched->end->counts.fallback();
      totals.rows_resent += watched->end->upload.rows_resent;
    }
    const auto& asks = world_.edge_metrics().asks;
    totals.late_asks += asks[monitoring::AskOutcome::late].Value();
    totals.lost_asks +=
        asks[monitoring::AskOutcome::lost].Value() + asks[monitoring::AskOutcome::skipped].Value();
    if (schedule_.patient) {
      EXPECT_EQ(asks[monitoring::AskOutcome::late].Value(), 0.0)
          << "an ask got neither an answer nor word that none would come";
    }
  }

  /// The most that the edge computes for a token: a pass for each exit, one to begin, and the same
  /// for every other generation that comes first.
  SteppedTime::Duration edge_time() const {
    const auto& options = world_.options();
    const auto passes = options.model.config.exits->layers.size() + 1;
    return schedule_.generations.size() * passes * options.edge_pass;
  }

  /// What a generation allows the link to say what it has sent.
  static constexpr std::chrono::seconds farewell_limit{60};

  static bool ended(const Watches& watches) {
    return std::ranges::all_of(watches,
                               [](const auto& watched) { return watched->end.has_value(); });
  }

  void befall(const Fault& fault) {
    using Kind = Fault::Kind;
    using transport::LinkState;
    const auto over = time_.now() + fault.lasts;
    switch (fault.kind) {
      case Kind::stall:
        world_.force_link(LinkState::stall);
        time_.at(over, [this] { world_.force_link(LinkState::up); });
        break;
      case Kind::outage:
        world_.force_link(LinkState::outage);
        time_.at(over, [this] { world_.force_link(LinkState::up); });
        break;
      case Kind::slow:
        for (int i = 0; i < 20; ++i) {
          const auto state = i % 2 == 0 ? LinkState::stall : LinkState::up;
          time_.at(time_.now() + i * fault.lasts / 20, [this, state] { world_.force_link(state); });
        }
        break;
      case Kind::reset:
        world_.reset_link();
        break;
      case Kind::refuse:
        world_.refuse_connections();
        world_.reset_link();
        time_.at(over, [this] { world_.accept_connections(); });
        break;
      case Kind::kill:
        world_.kill_cloud();
        time_.at(over, [this] { start_cloud(); });
        break;
      case Kind::vanish:
        world_.force_link(LinkState::outage);
        world_.kill_cloud(false);
        time_.at(over, [this] {
          world_.force_link(LinkState::up);
          start_cloud();
        });
        break;
      case Kind::replace:
        world_.kill_cloud();
        start_cloud();
        break;
      case Kind::leave:
        world_.stop_cloud();
        time_.at(over, [this] { start_cloud(); });
        break;
    }
  }

  void start_cloud() {
    if (!world_.cloud_runs()) world_.start_cloud();
  }

  /// The link is well again, a cloud is there, and every back-off has passed.
  void heal() {
    world_.forget_actions();
    world_.force_link(transport::LinkState::up);
    start_cloud();
    world_.accept_connections();
    const auto& options = world_.options();
    time_.advance(options.limits.silence_limit + options.limits.connect_timeout +
                  options.reconnect.maximum + std::chrono::seconds(20));
    if (options.adaptive) time_.advance(std::chrono::seconds(30));  // to look at the link
  }

  void expect_the_cloud_back() {
    SCOPED_TRACE("after the link has healed");
    Watches watches;
    for (const auto& generation : schedule_.generations) {
      auto request = generation.request;
      request.token_deadline = request.first_token_deadline = long_enough;
      watches.push_back(world_.generate(std::move(request)));
    }
    time_.run_until([&] { return ended(watches); }, time_.now() + std::chrono::hours(1));
    for (const auto& watched : watches) {
      expect_complete_in_time(*watched, world_.options().model.config, edge_time());
      expect_undisturbed(world_.options().model, *watched);
    }
  }

  void expect_nothing_held() {
    const auto& options = world_.options();
    // Contexts that the edge could not close any more go with their time to live.
    time_.advance(std::max(options.context_ttl, options.grace_time) + 2 * options.sweep_interval +
                  std::chrono::seconds(10));
    const auto store = world_.store_level();
    EXPECT_EQ(store.contexts, 0U);
    EXPECT_EQ(store.row_bytes, 0U);
    const auto compute = world_.compute_level();
    EXPECT_EQ(compute.sessions, 0U);
    EXPECT_EQ(compute.kv_bytes, 0U);
    const auto& metrics = world_.cloud_metrics();
    EXPECT_EQ(metrics.contexts.Value(), 0.0);
    EXPECT_EQ(metrics.row_bytes.Value(), 0.0);
    EXPECT_EQ(metrics.connections.Value(), 1.0);
    EXPECT_EQ(world_.edge_metrics().generations_active.Value(), 0.0);
    const auto& edge = world_.edge();
    EXPECT_TRUE(edge.generations.empty());
    EXPECT_TRUE(world_.link().uploads.empty());
    EXPECT_TRUE(state_of<actors::ShallowComputeState>(edge.shallow).sessions.empty());
    EXPECT_TRUE(state_of<actors::ExitDecisionState>(edge.decisions).generations.empty());
  }

  void expect_an_end_in_order() {
    const auto& options = world_.options();
    const auto& metrics = world_.cloud_metrics();
    world_.shut_edge_down();
    time_.advance(options.limits.silence_limit + options.grace_time + 2 * options.sweep_interval);
    EXPECT_EQ(metrics.connections.Value(), 0.0);
    EXPECT_EQ(world_.store_level().clients, 0U);
    world_.stop_cloud();
    time_.advance(std::chrono::minutes(1));
    EXPECT_EQ(world_.actors_left(), 0U);
  }

  const FaultSchedule& schedule_;
  MemoryWorld world_;
  SteppedTime& time_;
};

/// `count` of them from `first` on, up to the first that fails; or the one of CECOLLM_FAULT_SEED.
inline FaultTotals run_fault_schedules(std::uint64_t first, std::uint64_t count) {
  if (const char* wanted = std::getenv("CECOLLM_FAULT_SEED")) {
    first = std::strtoull(wanted, nullptr, 10);
    count = 1;
  }
  FaultTotals totals;
  for (auto seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    const auto schedule = random_schedule(seed);
    SCOPED_TRACE("CECOLLM_FAULT_SEED=" + std::to_string(seed) + " replays " + describe(schedule));
    FaultRun(schedule).check(totals);
  }
  return totals;
}

}  // namespace cecollm::tests
