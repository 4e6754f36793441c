#pragma once
// Whole edges and whole clouds in one process, on one thread and a clock that only tests move: all
// actors real, fake engines that take the time they are told, emulated links without sockets. What
// befalls links and clouds is the test's doing. Unless a test wants more there is one edge and one
// cloud, and what names neither is theirs.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <prometheus/registry.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_nodes.hpp"
#include "tests/support/memory_cloud.hpp"
#include "tests/support/stepped_time.hpp"
#include "tests/support/watched.hpp"
#include "transport/memory_network.hpp"

namespace cecollm::tests {

class MemoryWorld {
 public:
  struct Options {
    FakeModel model = fake_model();
    std::size_t edges = 1;
    std::size_t clouds = 1;     // in every edge's order of preference
    transport::LinkShape link;  // between each edge and each cloud
    transport::ConnectionLimits limits;
    policy::ReconnectSettings reconnect;
    std::chrono::microseconds edge_pass{0};   // what each pass of an edge's layers takes
    std::chrono::microseconds cloud_pass{0};  // likewise
    std::chrono::milliseconds heartbeat{2000};
    policy::ModeSettings mode;
    bool adaptive = false;
    actors::ConversationLimits conversations;
    bool edges_compute = true;  // or are cloud-only whatever comes
    bool cloud_resumes = true;  // unlike clouds of before that
    policy::UploadBudgetSettings budget;
    std::optional<actors::BudgetFile> budget_file;  // of every edge
    policy::Day day{std::chrono::days(20000)};      // on which the world begins
    std::size_t max_kept_bytes = 256U << 20U;
    std::size_t max_batch_bytes = 64U << 10U;
    std::size_t window_bytes = 1U << 20U;
    std::uint64_t acknowledge_bytes = 64U << 10U;
    std::int64_t kv_positions = 0;  // whose KV a cloud has room for; 0: for all
    policy::BatchLimits batch;
    std::chrono::milliseconds context_ttl{60000};
    std::chrono::milliseconds grace_time{60000};
    std::chrono::milliseconds sweep_interval{1000};
    DeterministicConfig::Extension extend_config;
    monitoring::Logger edge_logger;
    monitoring::Logger cloud_logger;
    std::filesystem::path trace_file;  // of edges; empty: none
    std::size_t max_generations = 64;
  };

  explicit MemoryWorld(Options options) : options_(std::move(options)) {
    time_.after_each_message([this] { act_where_due(); });
    for (std::size_t i = 0; i < options_.clouds; ++i) {
      clouds_.push_back(std::make_unique<MemoryCloud>(asker_, time_, options_.model,
                                                      cloud_setting(), options_.cloud_pass));
      clouds_.back()->start();
    }
    for (std::size_t i = 0; i < options_.edges; ++i) start_edge();
  }
  ~MemoryWorld() {
    forget_actions();
    time_.make_all_fast();
    for (auto& cloud : clouds_) cloud->kill();
    for (auto& edge : edges_) time_.kill(edge->supervisor);
    time_.advance(std::chrono::hours(1));  // nothing may refer to what ends with us
  }
  MemoryWorld(const MemoryWorld&) = delete;
  MemoryWorld& operator=(const MemoryWorld&) = delete;

  const Options& options() const { return options_; }
  SteppedTime& time() { return time_; }
  caf::actor_system& system() { return system_; }

  // --- generations
  std::shared_ptr<Watched> generate(actors::GenerationRequest request, std::size_t edge = 0) {
    auto watched = std::make_shared<Watched>();
    watched->request = request;
    watched->edge = edge;
    watched->started = time_.now();
    const auto client = system_.spawn(watching_client, watched, [this] { ++tokens_; });
    watched->client = client.address();
    caf::send_as(client, edges_[edge]->supervisor,
                 actors::StartGeneration{std::move(request), client});
    return watched;
  }
  /// Its client has had enough, and says so or is just gone. Of no effect on one that has come to
  /// its end already, and only tells the cloud.
  void leave(const std::shared_ptr<Watched>& watched, bool hangs_up) {
    const auto client = caf::actor_cast<caf::actor>(watched->client);
    if (!watched->id || !client || is_ending(*watched)) return;
    watched->left = time_.now();
    if (!hangs_up) {
      caf::anon_send(edges_[watched->edge]->supervisor, actors::CancelGeneration{*watched->id});
      return;
    }
    when([this, watched] { return !edge(watched->edge).generations.contains(*watched->id); },
         [this, watched] { watched->gone = time_.now(); });
    time_.kill(client);
  }
  /// Runs `action` once as soon as `condition` holds, before any actor does more.
  void when(std::function<bool()> condition, SteppedTime::Action action) {
    due_.push_back({std::move(condition), std::move(action)});
  }
  /// When clients have got so many tokens in all.
  void after_tokens(std::size_t count, SteppedTime::Action action) {
    when([this, count] { return tokens_ >= count; }, std::move(action));
  }
  void forget_actions() {
    time_.forget_actions();
    due_.clear();
  }

  /// As an operator who edits the settings of all edges; `adaptive` off holds `mode`.
  void reconfigure(policy::Mode mode, bool adaptive, const actors::GenerationRequest& request) {
    auto settings = options_.mode;
    settings.preferred = mode;
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      reconfigure(i, {settings, adaptive, request.thresholds, request.token_deadline,
                      request.first_token_deadline});
    }
  }
  void reconfigure(std::size_t edge, actors::Reconfigure settings) {
    caf::anon_send(edges_[edge]->supervisor, std::move(settings));
  }
  void hold_mode(std::optional<policy::Mode> mode) {
    for (const auto& edge : edges_) caf::anon_send(edge->supervisor, actors::HoldMode{mode});
  }
  /// Another day of the calendar that the upload budget goes by.
  void begin_next_day() { options_.day += std::chrono::days(1); }

  // --- what befalls the links
  void force_link(transport::LinkState state) {
    for (auto& edge : edges_) {
      for (auto& way : edge->ways) way.force(state);
    }
  }
  void reset_link() {
    for (auto& edge : edges_) {
      for (auto& way : edge->ways) way.reset();
    }
  }
  /// Between one edge and one cloud.
  transport::MemoryNetwork& way(std::size_t edge, std::size_t cloud) {
    return edges_[edge]->ways[cloud];
  }
  /// Someone else connects to the cloud, over a link of the same shape. `owner` as in dial().
  transport::MemoryNetwork join(const std::string& identity, const caf::actor& owner) {
    auto way = add_way(cloud());
    way.dial(identity, owner);
    return way;
  }

  // --- what befalls the clouds
  MemoryCloud& cloud(std::size_t index = 0) { return *clouds_[index]; }
  bool cloud_runs() { return cloud().runs(); }
  void start_cloud() { cloud().start(); }
  void kill_cloud() { cloud().kill(); }

  // --- what is held
  const actors::EdgeSupervisorState& edge(std::size_t index = 0) const {
    return state_of<actors::EdgeSupervisorState>(edges_[index]->supervisor);
  }
  const actors::CloudLinkState& link(std::size_t index = 0) const {
    return state_of<actors::CloudLinkState>(edge(index).link);
  }
  const monitoring::EdgeMetrics& edge_metrics(std::size_t index = 0) const {
    return edges_[index]->metrics;
  }
  const monitoring::CloudMetrics& cloud_metrics() { return cloud().metrics(); }

  void shut_edges_down() {
    for (const auto& edge : edges_) caf::anon_send(edge->supervisor, actors::Shutdown{});
  }
  /// Actors that have not ended, beside those that every system has.
  std::size_t actors_left() { return system_.registry().running() - actors_before_; }

 private:
  struct Edge {
    explicit Edge(const std::vector<int>& exits)
        : metrics(registry, {{"0", "fake", "", "", "fp32"},
                             exits,
                             {"standalone", "collaborative", "cloud-only"},
                             mode_reasons()}) {}
    prometheus::Registry registry;
    monitoring::EdgeMetrics metrics;
    std::vector<transport::MemoryNetwork> ways;  // one for each cloud
    actors::edge_supervisor_actor supervisor;
  };
  struct Due {
    std::function<bool()> condition;
    SteppedTime::Action action;
  };

  transport::MemoryNetwork add_way(MemoryCloud& cloud) {
    auto shape = options_.link;
    shape.seed += ways_made_++;
    transport::MemoryNetwork way(
        system_, options_.limits,
        std::make_shared<transport::EmulatedLink>(std::move(shape), time_.now()));
    cloud.add_way(way);
    return way;
  }

  void start_edge() {
    const auto& model = options_.model;
    const auto number = edges_.size() + 1;
    auto& edge = *edges_.emplace_back(std::make_unique<Edge>(model.config.exits->layers));
    auto link = link_setting_for(model, number);
    const auto identity = "edge-" + std::to_string(number);
    for (const auto& cloud : clouds_) {
      auto way = edge.ways.emplace_back(add_way(*cloud));
      link.dials.push_back(
          [way, identity](const caf::actor& owner) mutable { way.dial(identity, owner); });
    }
    link.max_batch_bytes = options_.max_batch_bytes;
    link.window_bytes = options_.window_bytes;
    link.max_kept_bytes = options_.max_kept_bytes;
    link.budget = options_.budget;
    if (options_.budget_file) {
      link.budget_file = options_.budget_file;
      link.budget_file->detached = false;
    }
    link.today = [this] {
      return options_.day;
    };
    link.reconnect = options_.reconnect;
    link.reconnect_seed = number;
    actors::EdgeSetting setting;
    setting.mode = options_.mode;
    setting.adaptive = options_.adaptive;
    setting.conversations = options_.conversations;
    setting.config = model.config;
    if (options_.edges_compute) {
      setting.engine = std::make_shared<FakeEngine>(model, model::Part::edge);
    }
    setting.link = std::move(link);
    setting.probe.heartbeat = options_.heartbeat;
    setting.detached = false;
    setting.max_generations = options_.max_generations;
    setting.logger = options_.edge_logger;
    setting.end_log_level = monitoring::LogLevel::info;
    setting.trace_file = options_.trace_file;
    setting.metrics = &edge.metrics;
    edge.supervisor = system_.spawn(actors::edge_supervisor, std::move(setting));
    time_.serve(edge.supervisor);
    if (options_.edges_compute) {
      time_.make_slow<actors::RunShallowStep>(this->edge(number - 1).shallow, options_.edge_pass);
    }
  }

  actors::CloudSetting cloud_setting() const {
    auto setting = cloud_setting_for(options_.model);
    setting.compute.batch = options_.batch;
    setting.compute.kv_budget =
        FakeEngine(options_.model, model::Part::cloud).kv_bytes_at(options_.kv_positions);
    setting.store.max_contexts = 64;
    setting.store.max_contexts_per_client = 64;
    setting.store.acknowledge_bytes = options_.acknowledge_bytes;
    setting.store.context_ttl = options_.context_ttl;
    setting.store.grace_time = options_.grace_time;
    setting.store.sweep_interval = options_.sweep_interval;
    setting.peer.welcome.cloud_only = true;
    setting.peer.welcome.resumes = options_.cloud_resumes;
    setting.logger = options_.cloud_logger;
    setting.detached = false;
    return setting;
  }

  bool is_ending(const Watched& watched) const {
    const auto& generations = edge(watched.edge).generations;
    const auto found = generations.find(*watched.id);
    return found == generations.end() || has_ended(found->second) ||
           state_of<actors::GenerationState>(found->second).finishing;
  }

  void act_where_due() {
    for (std::size_t i = 0; i < due_.size();) {
      if (!due_[i].condition()) {
        ++i;
        continue;
      }
      const auto action = std::move(due_[i].action);
      due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(i));
      action();
    }
  }

  Options options_;
  DeterministicConfig config_{options_.extend_config};
  caf::actor_system system_{config_};
  SteppedTime time_{system_};
  caf::scoped_actor asker_{system_, true};
  std::size_t actors_before_ = system_.registry().running();
  std::vector<std::unique_ptr<MemoryCloud>> clouds_;
  std::vector<std::unique_ptr<Edge>> edges_;
  std::uint64_t ways_made_ = 0;
  std::size_t tokens_ = 0;
  std::vector<Due> due_;
};

}  // namespace cecollm::tests
