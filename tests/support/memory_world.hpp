#pragma once
// A whole edge and a whole cloud in one process, on one thread and a clock that only tests move:
// all actors real, fake engines that take the time they are told, an emulated link without sockets.
// What befalls link and cloud is the test's doing.

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <prometheus/registry.h>

#include "tests/support/deterministic_system.hpp"
#include "tests/support/fake_nodes.hpp"
#include "tests/support/stepped_time.hpp"
#include "transport/memory_network.hpp"

namespace cecollm::tests {

/// What a client saw of one generation, and when.
struct Watched {
  struct Token {
    actors::TokenEvent event;
    SteppedTime::TimePoint at;
  };
  actors::GenerationRequest request;
  SteppedTime::TimePoint started;
  std::vector<Token> tokens;
  std::optional<actors::GenerationFinished> end;
};

inline caf::behavior watching_client(caf::event_based_actor* self, std::shared_ptr<Watched> watched,
                                     std::function<void()> on_token) {
  return {[=](const actors::TokenEvent& token) {
            watched->tokens.push_back({token, self->clock().now()});
            on_token();
          },
          [=](const actors::GenerationFinished& end) {
            watched->end = end;
            self->quit();
          }};
}

/// Stands for the socket that a cloud listens on; gets nothing, and is there to be stopped.
inline caf::behavior memory_listener(caf::event_based_actor*, int) {
  return {[](caf::unit_t) {
  }};
}

/// The state of an actor that is alive: nothing else runs while a test looks at it.
template <class State, class Handle>
const State& state_of(const Handle& actor) {
  using Pointer = typename Handle::template stateful_pointer<State>;
  auto* pointer = caf::actor_cast<caf::abstract_actor*>(actor);
  if (pointer->getf(caf::abstract_actor::is_cleaned_up_flag)) {
    throw std::logic_error(std::string(State::name) + " has ended");
  }
  return dynamic_cast<Pointer>(pointer)->state;
}

class MemoryWorld {
 public:
  struct Options {
    FakeModel model = fake_model();
    transport::LinkShape link;
    transport::ConnectionLimits limits;
    policy::ReconnectSettings reconnect;
    std::chrono::microseconds edge_pass{0};   // what each pass of the edge's layers takes
    std::chrono::microseconds cloud_pass{0};  // likewise
    std::chrono::milliseconds heartbeat{2000};
    policy::ModeSettings mode;
    bool adaptive = false;
    policy::UploadBudgetSettings budget;
    std::size_t max_kept_bytes = 256U << 20U;
    std::size_t max_batch_bytes = 64U << 10U;
    std::size_t window_bytes = 1U << 20U;
    std::uint64_t acknowledge_bytes = 64U << 10U;
    std::chrono::milliseconds context_ttl{60000};
    std::chrono::milliseconds grace_time{60000};
    std::chrono::milliseconds sweep_interval{1000};
  };

  explicit MemoryWorld(Options options)
      : options_(std::move(options)),
        edge_metrics_(edge_registry_, {{"0", "fake", "", "", "fp32"},
                                       options_.model.config.exits->layers,
                                       {"standalone", "collaborative", "cloud-only"},
                                       mode_reasons()}),
        network_(system_, options_.limits,
                 std::make_shared<transport::EmulatedLink>(options_.link, time_.now())) {
    time_.after_each_message([this] { act_after_tokens(); });
    start_cloud();
    start_edge();
  }
  ~MemoryWorld() {
    time_.forget_actions();
    by_token_.clear();
    time_.make_all_fast();
    kill_cloud();
    time_.kill(edge_);
    time_.advance(std::chrono::hours(1));  // nothing may refer to what ends with us
  }
  MemoryWorld(const MemoryWorld&) = delete;
  MemoryWorld& operator=(const MemoryWorld&) = delete;

  const Options& options() const { return options_; }
  SteppedTime& time() { return time_; }

  // --- generations
  std::shared_ptr<const Watched> generate(actors::GenerationRequest request) {
    auto watched = std::make_shared<Watched>();
    watched->request = request;
    watched->started = time_.now();
    auto client = system_.spawn(watching_client, watched, [this] { ++tokens_; });
    caf::anon_send(edge_, actors::StartGeneration{std::move(request), std::move(client)});
    return watched;
  }
  /// Runs `action` when clients have got so many tokens in all, before anyone does more.
  void after_tokens(std::size_t count, SteppedTime::Action action) {
    by_token_.emplace(count, std::move(action));
  }
  void forget_actions() {
    time_.forget_actions();
    by_token_.clear();
  }

  /// As an operator who edits the settings; `adaptive` off holds `mode`.
  void reconfigure(policy::Mode mode, bool adaptive, const actors::GenerationRequest& request) {
    auto settings = options_.mode;
    settings.preferred = mode;
    caf::anon_send(
        edge_, actors::Reconfigure{settings, adaptive, request.thresholds, request.token_deadline,
                                   request.first_token_deadline});
  }
  /// Another day of the calendar that the upload budget goes by.
  void begin_next_day() { day_ += std::chrono::days(1); }

  // --- what befalls the link
  void force_link(transport::LinkState state) { network_.force(state); }
  void reset_link() { network_.reset(); }

  // --- what befalls the cloud
  bool cloud_runs() const { return cloud_ != nullptr; }
  /// Another process at the same address, that knows nothing yet; none may run.
  void start_cloud() {
    clouds_.push_back(std::make_unique<Cloud>());
    cloud_ = clouds_.back().get();
    cloud_->supervisor = system_.spawn(actors::cloud_supervisor, cloud_setting(*cloud_));
    caf::anon_send(cloud_->supervisor, actors::StartListening{});
    time_.serve(cloud_->supervisor);
    const auto& state = state_of<actors::CloudSupervisorState>(cloud_->supervisor);
    cloud_->store = state.store;
    cloud_->compute = state.compute;
    // An ask and the step that it takes part in are a message each.
    time_.make_slow(cloud_->compute, options_.cloud_pass / 2);
  }
  /// All its actors end at once and say nothing. Its connections are reset, unless the whole
  /// machine is gone: then they stay, and nobody answers.
  void kill_cloud(bool reset_connections = true) {
    auto* cloud = std::exchange(cloud_, nullptr);
    if (cloud == nullptr) return;
    network_.stop_listening();
    for (const auto& address : cloud->peers) {
      if (const auto peer = caf::actor_cast<caf::actor>(address)) time_.kill(peer);
    }
    time_.kill(cloud->store);
    time_.kill(cloud->compute);
    time_.kill(cloud->supervisor);
    if (reset_connections) network_.reset();
  }
  /// It says goodbye and ends in order.
  void stop_cloud() {
    if (auto* cloud = std::exchange(cloud_, nullptr)) {
      network_.stop_listening();
      caf::anon_send(cloud->supervisor, actors::StopCloud{});
    }
  }
  void refuse_connections() { network_.stop_listening(); }
  void accept_connections() {
    if (cloud_runs()) network_.listen("cloud", cloud_->make_owner);
  }

  // --- what is held
  const actors::EdgeSupervisorState& edge() const {
    return state_of<actors::EdgeSupervisorState>(edge_);
  }
  const actors::CloudLinkState& link() const {
    return state_of<actors::CloudLinkState>(edge().link);
  }
  /// Of the cloud that runs.
  const monitoring::CloudMetrics& cloud_metrics() const { return cloud_->metrics; }
  actors::StoreLevel store_level() {
    return ask<actors::StoreLevel>(cloud_->store, actors::GetStoreLevel{});
  }
  actors::ComputeLevel compute_level() {
    return ask<actors::ComputeLevel>(cloud_->compute, actors::GetComputeLevel{});
  }
  const monitoring::EdgeMetrics& edge_metrics() const { return edge_metrics_; }

  void shut_edge_down() { caf::anon_send(edge_, actors::Shutdown{}); }
  /// Actors that have not ended, beside those that every system has.
  std::size_t actors_left() { return system_.registry().running() - actors_before_; }

 private:
  struct Cloud {
    prometheus::Registry registry;
    monitoring::CloudMetrics metrics{
        registry, {{"0", "fake", "", "", "fp32"}, transport::fault_code_names()}};
    actors::cloud_supervisor_actor supervisor;
    actors::context_store_actor store;
    actors::deep_compute_actor compute;
    transport::OwnerFactory make_owner;
    std::vector<caf::actor_addr> peers;
  };

  void start_edge() {
    const auto& model = options_.model;
    auto link = link_setting_for(model, 1);
    link.dials.push_back([this](const caf::actor& owner) { network_.dial("edge", owner); });
    link.max_batch_bytes = options_.max_batch_bytes;
    link.window_bytes = options_.window_bytes;
    link.max_kept_bytes = options_.max_kept_bytes;
    link.budget = options_.budget;
    link.today = [this] {
      return day_;
    };
    link.reconnect = options_.reconnect;
    actors::EdgeSetting setting;
    setting.mode = options_.mode;
    setting.adaptive = options_.adaptive;
    setting.engine = std::make_shared<FakeEngine>(model, model::Part::edge);
    setting.link = std::move(link);
    setting.probe.heartbeat = options_.heartbeat;
    setting.detached = false;
    setting.metrics = &edge_metrics_;
    edge_ = system_.spawn(actors::edge_supervisor, std::move(setting));
    time_.serve(edge_);
    time_.make_slow(edge().shallow, options_.edge_pass / 2);
  }

  actors::CloudSetting cloud_setting(Cloud& cloud) {
    auto setting = cloud_setting_for(options_.model);
    setting.compute.engines.cloud =
        std::make_shared<FakeEngine>(options_.model, model::Part::cloud);
    setting.compute.engines.whole =
        std::make_shared<FakeEngine>(options_.model, model::Part::cloud_only);
    setting.store.max_contexts = 64;
    setting.store.max_contexts_per_client = 64;
    setting.store.acknowledge_bytes = options_.acknowledge_bytes;
    setting.store.context_ttl = options_.context_ttl;
    setting.store.grace_time = options_.grace_time;
    setting.store.sweep_interval = options_.sweep_interval;
    setting.peer.welcome.cloud_only = true;
    setting.detached = false;
    setting.metrics = &cloud.metrics;
    setting.listen = [this, &cloud](transport::OwnerFactory make_owner) {
      cloud.make_owner = [&cloud, make_owner = std::move(make_owner)] {
        auto peer = make_owner();
        cloud.peers.push_back(peer.address());
        return peer;
      };
      network_.listen("cloud", cloud.make_owner);
      return transport::Listening{system_.spawn(memory_listener, 0), {}};
    };
    return setting;
  }

  template <class Answer, class Handle, class Question>
  Answer ask(const Handle& actor, Question question) {
    Answer level;
    constexpr std::chrono::seconds limit{1};
    auto answer = asker_->request(actor, limit, question);
    time_.advance(limit);  // so that there is one, or an error
    answer.receive([&](const Answer& given) { level = given; },
                   [](const caf::error& error) { ADD_FAILURE() << caf::to_string(error); });
    return level;
  }

  void act_after_tokens() {
    while (!by_token_.empty() && by_token_.begin()->first <= tokens_) {
      auto action = std::move(by_token_.begin()->second);
      by_token_.erase(by_token_.begin());
      action();
    }
  }

  Options options_;
  policy::Day day_{std::chrono::days(20000)};
  prometheus::Registry edge_registry_;
  monitoring::EdgeMetrics edge_metrics_;
  std::vector<std::unique_ptr<Cloud>> clouds_;  // all there ever were: actors refer to metrics
  DeterministicConfig config_;
  caf::actor_system system_{config_};
  SteppedTime time_{system_};
  caf::scoped_actor asker_{system_, true};
  std::size_t actors_before_ = system_.registry().running();
  transport::MemoryNetwork network_;
  Cloud* cloud_ = nullptr;  // the one that runs
  actors::edge_supervisor_actor edge_;
  std::size_t tokens_ = 0;
  std::multimap<std::size_t, SteppedTime::Action> by_token_;
};

}  // namespace cecollm::tests
