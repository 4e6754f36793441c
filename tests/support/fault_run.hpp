#pragma once
// Runs one fault schedule and checks what must hold whatever befalls links and clouds.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <vector>

#include "actors/exit_decision.hpp"
#include "actors/shallow_compute.hpp"
#include "tests/support/fault_description.hpp"
#include "tests/support/fault_injection.hpp"
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
  int streams = 0;             // cloud-only, to their end
  int streams_taken_over = 0;  // cloud-only, ended by the edge
  int cancelled = 0;
  int hung_up = 0;
  int changes_of_cloud = 0;  // connections to the second one
  int reloaded = 0;          // got other settings in their middle
  int resumed = 0;           // went on with a conversation
};

class FaultRun {
 public:
  explicit FaultRun(const FaultSchedule& schedule)
      : schedule_(schedule), world_(schedule.options), injection_(world_), time_(world_.time()) {}

  void check(FaultTotals& totals) {
    let_it_happen(totals);
    if (::testing::Test::HasFailure()) return;
    heal();
    expect_collaboration();
    if (::testing::Test::HasFailure()) return;
    expect_the_cloud_back();
    if (::testing::Test::HasFailure()) return;
    expect_nothing_held();
    expect_an_end_in_order();
  }

 private:
  using Watches = std::vector<std::shared_ptr<Watched>>;

  // --- what happens
  void let_it_happen(FaultTotals& totals) {
    const auto begun = time_.now();
    auto limit = begun;
    for (const auto& generation : schedule_.generations) {
      const auto at = begun + generation.at;
      limit =
          std::max(limit, at + generation.turns * (longest(generation.request) + farewell_limit));
      ++to_come_;
      time_.at(at, [&] { begin(generation); });
    }
    for (const auto& fault : schedule_.faults) {
      if (fault.after_tokens) {
        world_.after_tokens(*fault.after_tokens, [&] { befall(fault); });
      } else {
        time_.at(begun + fault.at, [&] { befall(fault); });
      }
    }
    time_.run_until([&] { return to_come_ == 0 && gone(watches_); }, limit);
    for (const auto& watched : watches_) {
      SCOPED_TRACE("the generation of " + std::to_string(watched->request.max_tokens) + " tokens");
      expect_well(*watched);
      count(*watched, totals);
    }
    count_asks(totals);
  }

  void befall(const Fault& fault) {
    injection_.befall(fault);
    if (fault.kind != Fault::Kind::reload) return;
    for (const auto& watched : watches_) {
      if (fault.edge.value_or(watched->edge) == watched->edge) {
        watched->reloads.push_back({time_.now(), fault.settings});
      }
    }
  }

  /// What a generation may take with the longest deadlines that it may have.
  SteppedTime::Duration longest(const actors::GenerationRequest& request) const {
    auto first = request.first_token_deadline;
    auto next = request.token_deadline;
    for (const auto& fault : schedule_.faults) {
      first = std::max(first, fault.settings.first_token_deadline);
      next = std::max(next, fault.settings.token_deadline);
    }
    return request.max_tokens * edge_time() + first + (request.max_tokens - 1) * next;
  }

  void begin(const FaultSchedule::Generation& generation) {
    const auto watched = world_.generate(generation.request, generation.edge);
    watches_.push_back(watched);
    --to_come_;
    expect_further_turns(generation, watched, generation.turns - 1);
    if (const auto& departure = generation.departure) {
      const auto leave = [this, watched, hangs_up = departure->hangs_up] {
        world_.leave(watched, hangs_up);
      };
      if (departure->after_tokens) {
        world_.when(
            [watched, count = *departure->after_tokens] {
              return watched->id && watched->tokens.size() >= count;
            },
            leave);
      } else {
        time_.at(time_.now() + departure->after, leave);
      }
    }
  }

  void expect_further_turns(const FaultSchedule::Generation& generation,
                            const std::shared_ptr<Watched>& watched, int turns) {
    if (turns == 0) return;
    ++to_come_;
    world_.when([watched] { return watched->gone.has_value(); },
                [this, &generation, watched, turns] {
                  --to_come_;
                  auto request = next_turn(*watched);
                  if (!request) return;
                  watches_.push_back(world_.generate(*std::move(request), generation.edge));
                  expect_further_turns(generation, watches_.back(), turns - 1);
                });
  }

  /// The text so far, and what the user says then. Empty: the model has room for no more, or the
  /// client is gone.
  std::optional<actors::GenerationRequest> next_turn(const Watched& watched) const {
    auto request = watched.request;
    auto& prompt = std::get<std::vector<model::TokenId>>(request.prompt);
    for (const auto& token : watched.tokens) prompt.push_back(token.event.token);
    const auto length = static_cast<model::TokenId>(prompt.size());
    for (model::TokenId i = 0; i < 3; ++i) prompt.push_back(3 + (length + i) % 60);
    const auto end = std::ssize(prompt) + request.max_tokens;
    if (!watched.end || end > world_.options().model.config.max_positions) return std::nullopt;
    return request;
  }

  void expect_well(const Watched& watched) {
    const auto& model = world_.options().model;
    if (watched.left) {
      expect_gone_in_time(watched, edge_time() + beginnings_and_ends());
    } else {
      expect_complete_in_time(watched, model.config, edge_time());
    }
    expect_right_tokens(model, watched);
    if (!schedule_.patient || !watched.end) return;
    for (const auto& change : watched.end->mode_switches) {
      EXPECT_NE(change.reason, policy::ModeReason::asks_expired)
          << "a stream got neither a token nor word that none would come";
    }
  }

  void count(const Watched& watched, FaultTotals& totals) {
    if (watched.left && !watched.end) ++totals.hung_up;
    if (!watched.end) return;
    const auto& end = *watched.end;
    if (end.reason == actors::FinishReason::cancelled) ++totals.cancelled;
    if (end.resumed_tokens > 0) ++totals.resumed;
    if (watched.request.mode == policy::Mode::cloud_only) {
      ++(end.mode == policy::Mode::cloud_only ? totals.streams : totals.streams_taken_over);
    }
    if (!watched.reloads.empty() && watched.reloads.front().at < *watched.gone) ++totals.reloaded;
    totals.cloud_tokens += end.counts.cloud();
    totals.fallback_tokens += end.counts.fallback();
    totals.rows_resent += end.upload.rows_resent;
  }

  void count_asks(FaultTotals& totals) {
    using monitoring::AskOutcome;
    for (std::size_t i = 0; i < world_.options().edges; ++i) {
      const auto& asks = world_.edge_metrics(i).asks;
      totals.late_asks += asks[AskOutcome::late].Value();
      totals.lost_asks += asks[AskOutcome::lost].Value() + asks[AskOutcome::skipped].Value();
      if (!schedule_.patient) continue;
      EXPECT_EQ(asks[AskOutcome::late].Value(), 0.0)
          << "an ask got neither an answer nor word that none would come";
    }
    if (world_.options().clouds > 1) {
      totals.changes_of_cloud += static_cast<int>(world_.cloud(1).connections_ever());
    }
  }

  /// The most that an edge computes for a token: a pass for each exit, one to begin, and the same
  /// for every other generation that comes first.
  SteppedTime::Duration edge_time() const {
    const auto& options = world_.options();
    const auto passes = options.model.config.exits->layers.size() + 1;
    return schedule_.generations.size() * passes * pieces() * options.edge_pass;
  }
  /// In which the longest text of a conversation goes through a stage.
  std::size_t pieces() const {
    std::size_t longest = 1;
    for (const auto& generation : schedule_.generations) {
      const auto& request = generation.request;
      const auto& prompt = std::get<std::vector<model::TokenId>>(request.prompt);
      longest = std::max(longest, prompt.size() + static_cast<std::size_t>(generation.turns) *
                                                      static_cast<std::size_t>(request.max_tokens));
    }
    const auto rows = static_cast<std::size_t>(policy::BatchLimits().rows);
    return (longest + rows - 1) / rows;
  }

  SteppedTime::Duration beginnings_and_ends() const {
    return 2 * schedule_.generations.size() * world_.options().edge_pass;
  }

  /// What a generation allows the link to say what it has sent.
  static constexpr std::chrono::seconds farewell_limit{60};

  static bool gone(const Watches& watches) {
    return std::ranges::all_of(watches,
                               [](const auto& watched) { return watched->gone.has_value(); });
  }

  // --- what holds afterwards
  /// Links are well again, clouds are there, settings are as they were, and everything has passed
  /// that an edge may wait for before it works with the cloud that it prefers.
  void heal() {
    world_.forget_actions();
    world_.force_link(transport::LinkState::up);
    const auto& options = world_.options();
    world_.reconfigure(options.mode.preferred, options.adaptive,
                       schedule_.generations.front().request);
    for (std::size_t i = 0; i < options.clouds; ++i) {
      if (!world_.cloud(i).runs()) world_.cloud(i).start();
      world_.cloud(i).thaw();
      world_.cloud(i).accept_connections();
    }
    constexpr std::chrono::seconds round_trips{2};
    // A connection that nobody holds the other end of, or an attempt that began in an outage.
    time_.advance(options.limits.silence_limit + options.limits.connect_timeout +
                  options.reconnect.maximum + round_trips);
    if (options.clouds > 1) {
      // A scout that is on its way, one that is due and rests first, and the change-over.
      time_.advance(options.limits.silence_limit + options.limits.connect_timeout +
                    3 * options.reconnect.failback_after + options.reconnect.maximum + round_trips);
    }
    if (options.adaptive) {
      time_.advance(options.mode.minimum_dwell + options.mode.maximum_probe_interval +
                    options.mode.probe_timeout + round_trips);
    }
  }

  void expect_collaboration() {
    SCOPED_TRACE("after all was well again");
    for (std::size_t i = 0; i < world_.options().edges; ++i) {
      SCOPED_TRACE("edge " + std::to_string(i));
      EXPECT_EQ(world_.link(i).phase, actors::CloudLinkState::Phase::ready);
      EXPECT_EQ(world_.link(i).cloud, 0U);
      const auto& modes = *world_.edge(i).modes;
      EXPECT_EQ(modes.mode(), world_.options().mode.preferred) << policy::name_of(modes.reason());
    }
  }

  void expect_the_cloud_back() {
    SCOPED_TRACE("generations after all was well again");
    Watches first;
    for (const auto& generation : schedule_.generations) {
      auto request = generation.request;
      request.token_deadline = request.first_token_deadline = long_enough;
      first.push_back(world_.generate(std::move(request), generation.edge));
    }
    expect_undisturbed_ends(first);
    if (world_.options().conversations.max_kept == 0 || ::testing::Test::HasFailure()) return;
    SCOPED_TRACE("their next turns");
    Watches next;
    for (const auto& watched : first) {
      if (auto request = next_turn(*watched)) {
        next.push_back(world_.generate(*std::move(request), watched->edge));
      }
    }
    expect_undisturbed_ends(next);
  }

  void expect_undisturbed_ends(const Watches& watches) {
    time_.run_until([&] { return gone(watches); }, time_.now() + std::chrono::hours(1));
    for (const auto& watched : watches) {
      expect_complete_in_time(*watched, world_.options().model.config, edge_time());
      expect_undisturbed(world_.options().model, *watched);
    }
  }

  void expect_nothing_held() {
    const auto& options = world_.options();
    // Contexts that an edge could not close any more go with their time to live.
    time_.advance(options.conversations.ttl + std::max(options.context_ttl, options.grace_time) +
                  2 * options.sweep_interval + std::chrono::seconds(10));
    for (std::size_t i = 0; i < options.clouds; ++i) {
      SCOPED_TRACE("cloud " + std::to_string(i));
      expect_nothing_held_by(world_.cloud(i));
      EXPECT_EQ(world_.cloud(i).metrics().connections.Value(),
                i == 0 ? static_cast<double>(options.edges) : 0.0);
    }
    for (std::size_t i = 0; i < options.edges; ++i) {
      SCOPED_TRACE("edge " + std::to_string(i));
      EXPECT_EQ(world_.edge_metrics(i).generations_active.Value(), 0.0);
      EXPECT_EQ(world_.edge_metrics(i).retained_row_bytes.Value(), 0.0);
      const auto& edge = world_.edge(i);
      EXPECT_TRUE(edge.generations.empty());
      EXPECT_TRUE(world_.link(i).uploads.empty());
      EXPECT_TRUE(state_of<actors::ShallowComputeState>(edge.shallow).sessions.empty());
      EXPECT_TRUE(state_of<actors::ExitDecisionState>(edge.decisions).generations.empty());
    }
  }

  static void expect_nothing_held_by(MemoryCloud& cloud) {
    const auto store = cloud.store_level();
    EXPECT_EQ(store.contexts, 0U);
    EXPECT_EQ(store.row_bytes, 0U);
    const auto compute = cloud.compute_level();
    EXPECT_EQ(compute.sessions, 0U);
    EXPECT_EQ(compute.kv_bytes, 0U);
    EXPECT_EQ(cloud.metrics().contexts.Value(), 0.0);
    EXPECT_EQ(cloud.metrics().row_bytes.Value(), 0.0);
  }

  void expect_an_end_in_order() {
    const auto& options = world_.options();
    world_.shut_edges_down();
    time_.advance(options.limits.silence_limit + options.grace_time + 2 * options.sweep_interval);
    for (std::size_t i = 0; i < options.clouds; ++i) {
      EXPECT_EQ(world_.cloud(i).metrics().connections.Value(), 0.0);
      EXPECT_EQ(world_.cloud(i).store_level().clients, 0U);
      world_.cloud(i).stop();
    }
    time_.advance(std::chrono::minutes(1));
    EXPECT_EQ(world_.actors_left(), 0U);
  }

  const FaultSchedule& schedule_;
  MemoryWorld world_;
  FaultInjection injection_;
  SteppedTime& time_;
  Watches watches_;  // of the generations that things befall
  int to_come_ = 0;  // generations that have not begun
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
