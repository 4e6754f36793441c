#pragma once
// A cloud and edges with fake engines and everything else real: actors, TLS, loopback.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/all.hpp>
#include <prometheus/registry.h>

#include "actors/cloud_supervisor.hpp"
#include "actors/edge_supervisor.hpp"
#include "actors/system_config.hpp"
#include "tests/support/fake_engine.hpp"
#include "tests/support/pki.hpp"
#include "transport/fault_names.hpp"

namespace cecollm::tests {

inline constexpr std::chrono::seconds patience{60};

inline transport::ModelDigests digests_of(const FakeModel& model) {
  const auto& layers = model.config.exits->layers;
  return {"config", "shared" + std::to_string(model.seed), "", {layers.begin(), layers.end()}};
}

inline std::vector<std::string> mode_reasons() {
  std::vector<std::string> names;
  for (const auto reason : policy::all_mode_reasons) names.emplace_back(policy::name_of(reason));
  return names;
}

/// What follows from the model alone.
inline actors::CloudSetting cloud_setting_for(const FakeModel& model) {
  const auto& config = model.config;
  actors::CloudSetting setting;
  setting.store.hidden_size = config.hidden_size;
  setting.store.max_positions = config.max_positions;
  setting.peer.offer = {digests_of(model), config.hidden_size};
  setting.peer.welcome.resumes = true;
  setting.peer.welcome.max_positions = static_cast<std::uint32_t>(config.max_positions);
  setting.peer.max_prompt_tokens = static_cast<std::size_t>(config.max_positions);
  return setting;
}
inline actors::CloudLinkSetting link_setting_for(const FakeModel& model, std::uint64_t instance) {
  actors::CloudLinkSetting link;
  link.hello.instance = instance;
  link.hello.model = digests_of(model);
  link.hello.row_dtype = model.codec->name();
  link.hello.hidden_size = model.config.hidden_size;
  link.row_bytes = model.codec->row_bytes(model.config.hidden_size);
  return link;
}

class FakeCloud {
 public:
  struct Options {
    FakeModel model = fake_model();
    std::uint16_t port = 0;
    bool cloud_only = true;
    std::size_t max_contexts_per_client = 64;
    std::chrono::milliseconds context_ttl{60000};
    std::chrono::milliseconds grace_time{60000};
    std::chrono::milliseconds sweep_interval{20};
  };

  FakeCloud(Pki& pki, const Options& options) {
    cloud_ = std::make_shared<FakeEngine>(options.model, model::Part::cloud);
    auto setting = cloud_setting_for(options.model);
    setting.compute.engines.cloud = cloud_;
    if (options.cloud_only) {
      setting.compute.engines.whole =
          std::make_shared<FakeEngine>(options.model, model::Part::cloud_only);
    }
    setting.metrics = &metrics_;
    setting.store.max_contexts = 4096;
    setting.store.max_contexts_per_client = options.max_contexts_per_client;
    setting.store.context_ttl = options.context_ttl;
    setting.store.grace_time = options.grace_time;
    setting.store.sweep_interval = options.sweep_interval;
    setting.peer.welcome.cloud_only = options.cloud_only;
    setting.farewell = std::chrono::milliseconds(100);
    setting.listen = [this, tls = pki.server(),
                      port = options.port](transport::OwnerFactory make_owner) {
      return transport::listen(system_, {"127.0.0.1", port}, tls, {}, 64, std::move(make_owner));
    };
    supervisor_ = system_.spawn(actors::cloud_supervisor, std::move(setting));
    caf::scoped_actor self{system_};
    self->request(supervisor_, patience, actors::StartListening{})
        .receive([&](const actors::ListenOutcome& outcome) { bound_ = outcome.bound; },
                 [](const caf::error&) {});
  }
  ~FakeCloud() {
    caf::scoped_actor self{system_};
    self->monitor(supervisor_);
    self->send(supervisor_, actors::StopCloud{});
    self->receive([](const caf::down_msg&) {}, caf::after(patience) >> [] {});
  }
  FakeCloud(const FakeCloud&) = delete;
  FakeCloud& operator=(const FakeCloud&) = delete;

  const transport::Endpoint& endpoint() const { return bound_; }
  /// Fed with rows. Set its hooks before an edge connects.
  FakeEngine& engine() { return *cloud_; }
  monitoring::CloudMetrics& metrics() { return metrics_; }

 private:
  std::shared_ptr<FakeEngine> cloud_;
  prometheus::Registry registry_;
  monitoring::CloudMetrics metrics_{
      registry_, {{"0", "fake", "", "3,6", "fp32"}, transport::fault_code_names()}};
  actors::SystemConfig config_;
  caf::actor_system system_{config_};
  actors::cloud_supervisor_actor supervisor_;
  transport::Endpoint bound_;
};

/// What one generation gave.
struct Generated {
  std::vector<model::TokenId> ids;
  std::vector<policy::Source> sources;
  actors::GenerationFinished end;
};

class FakeEdge {
 public:
  struct Options {
    FakeModel model = fake_model();
    std::string name = "edge";                         // of its certificate
    std::shared_ptr<const transport::TlsContext> tls;  // null: of a new certificate
    std::uint64_t instance = 1;
    std::shared_ptr<transport::EmulatedLink> link;  // to every cloud; null: loopback as it is
    /// Whose threads it uses; null: its own. An edge is destroyed when all actors of this one are
    /// done and before this one.
    caf::actor_system* system = nullptr;
  };

  /// Without `cloud`, standalone for ever.
  FakeEdge(Pki& pki, const std::optional<transport::Endpoint>& cloud,
           const FakeModel& model = fake_model(), const std::string& name = "edge",
           std::uint64_t instance = 1)
      : FakeEdge(pki, cloud ? std::vector{*cloud} : std::vector<transport::Endpoint>{}, model, name,
                 instance) {}
  /// Several clouds, in order of preference.
  FakeEdge(Pki& pki, const std::vector<transport::Endpoint>& clouds, const FakeModel& model,
           const std::string& name, std::uint64_t instance)
      : FakeEdge(pki, clouds, {model, name, nullptr, instance, nullptr, nullptr}) {}
  FakeEdge(Pki& pki, const std::vector<transport::Endpoint>& clouds, const Options& options)
      : engine_(std::make_shared<FakeEngine>(options.model, model::Part::edge)),
        metrics_(registry_, {{"0", "fake", "", "", "fp32"},
                             options.model.config.exits->layers,
                             {"standalone", "collaborative", "cloud-only"},
                             mode_reasons()}),
        own_system_(options.system ? nullptr : std::make_unique<OwnSystem>()),
        system_(options.system ? *options.system : own_system_->system) {
    actors::EdgeSetting setting;
    setting.engine = engine_;
    setting.metrics = &metrics_;
    setting.detached = options.system == nullptr;
    setting.probe.heartbeat = std::chrono::milliseconds(50);
    if (!clouds.empty()) {
      auto link = link_setting_for(options.model, options.instance);
      for (const auto& cloud : clouds) {
        link.dials.push_back([endpoint = cloud,
                              tls = options.tls ? options.tls : pki.client(options.name),
                              emulated = options.link](const caf::actor& owner) {
          transport::dial(owner.home_system(), endpoint, tls, {}, owner, emulated);
        });
      }
      link.reconnect.failback_after = std::chrono::milliseconds(50);
      link.reconnect.initial = std::chrono::milliseconds(10);
      link.reconnect.maximum = std::chrono::milliseconds(100);
      setting.link = std::move(link);
    }
    supervisor_ = system_.spawn(actors::edge_supervisor, std::move(setting));
  }
  ~FakeEdge() { leave(); }
  /// Says goodbye and waits until its supervisor has ended.
  void leave() {
    caf::scoped_actor self{system_};
    self->monitor(supervisor_);
    self->send(supervisor_, actors::Shutdown{});
    self->receive([](const caf::down_msg&) {}, caf::after(patience) >> [] {});
  }
  /// All its actors end at once and say nothing.
  void crash() { caf::anon_send_exit(supervisor_, caf::exit_reason::kill); }
  FakeEdge(const FakeEdge&) = delete;
  FakeEdge& operator=(const FakeEdge&) = delete;

  FakeEngine& engine() { return *engine_; }
  monitoring::EdgeMetrics& metrics() { return metrics_; }

  actors::LinkReport await_link() {
    caf::scoped_actor self{system_};
    actors::LinkReport report;
    self->request(supervisor_, patience, actors::AwaitLink{})
        .receive([&](const actors::LinkReport& answer) { report = answer; },
                 [](const caf::error&) {});
    return report;
  }
  actors::LinkReport link_report() {
    caf::scoped_actor self{system_};
    actors::LinkReport report;
    self->request(supervisor_, patience, actors::GetLinkReport{})
        .receive([&](const actors::LinkReport& answer) { report = answer; },
                 [](const caf::error&) {});
    return report;
  }

  /// Starts a generation that nobody listens to.
  void start(actors::GenerationRequest request) {
    caf::scoped_actor self{system_};
    self->request(supervisor_, patience,
                  actors::StartGeneration{std::move(request), caf::actor_cast<caf::actor>(self)})
        .receive([](const actors::GenerationStarted&) {}, [](const caf::error&) {});
  }

  /// Runs one generation to its end in the calling thread. `on_token` false cancels.
  Generated generate(
      actors::GenerationRequest request,
      const std::function<bool(const actors::TokenEvent&)>& on_token =
          [](const actors::TokenEvent&) { return true; }) {
    caf::scoped_actor self{system_};
    Generated generated;
    actors::GenerationId id = 0;
    self->request(supervisor_, patience,
                  actors::StartGeneration{std::move(request), caf::actor_cast<caf::actor>(self)})
        .receive([&](const actors::GenerationStarted& started) { id = started.generation; },
                 [](const caf::error&) {});
    bool running = true;
    self->receive_while(running)(
        [&](const actors::TokenEvent& token) {
          generated.ids.push_back(token.token);
          generated.sources.push_back(token.source);
          if (!on_token(token)) self->send(supervisor_, actors::CancelGeneration{id});
        },
        [&](const actors::GenerationFinished& end) {
          generated.end = end;
          running = false;
        },
        caf::after(patience) >>
            [&] {
              generated.end.reason = actors::FinishReason::failed;
              generated.end.error = "the test ran out of patience";
              running = false;
            });
    return generated;
  }

 private:
  std::shared_ptr<FakeEngine> engine_;
  prometheus::Registry registry_;
  monitoring::EdgeMetrics metrics_;
  struct OwnSystem {
    actors::SystemConfig config;
    caf::actor_system system{config};
  };
  std::unique_ptr<OwnSystem> own_system_;
  caf::actor_system& system_;
  actors::edge_supervisor_actor supervisor_;
};

}  // namespace cecollm::tests
