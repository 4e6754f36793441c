#pragma once
// The cloud of one address, on the test's clock: processes come and go there, none knows anything
// of the one before. All actors are real, the engines are fake.

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "tests/support/fake_nodes.hpp"
#include "tests/support/stepped_time.hpp"
#include "transport/memory_network.hpp"

namespace cecollm::tests {

template <class Handle>
bool has_ended(const Handle& actor) {
  auto* pointer = caf::actor_cast<caf::abstract_actor*>(actor);
  return pointer->getf(caf::abstract_actor::is_cleaned_up_flag);
}

/// The state of an actor that is alive: nothing else runs while a test looks at it.
template <class State, class Handle>
const State& state_of(const Handle& actor) {
  using Pointer = typename Handle::template stateful_pointer<State>;
  if (has_ended(actor)) throw std::logic_error(std::string(State::name) + " has ended");
  return dynamic_cast<Pointer>(caf::actor_cast<caf::abstract_actor*>(actor))->state;
}

class MemoryCloud {
 public:
  /// `setting` lacks what belongs to one process: engines, metrics, listening.
  MemoryCloud(caf::scoped_actor& asker, SteppedTime& time, FakeModel model,
              actors::CloudSetting setting, std::chrono::microseconds each_pass)
      : system_(asker->home_system()),
        asker_(asker),
        time_(time),
        model_(std::move(model)),
        setting_(std::move(setting)),
        each_pass_(each_pass) {}

  /// Edges reach it by this one too; of another edge, or another link.
  void add_way(transport::MemoryNetwork way) {
    ways_.push_back(std::move(way));
    if (accepting_) ways_.back().listen("cloud", running_->make_owner);
  }

  bool runs() const { return running_ != nullptr; }
  /// None may run.
  void start() {
    processes_.push_back(std::make_unique<Process>());
    running_ = processes_.back().get();
    running_->supervisor = system_.spawn(actors::cloud_supervisor, setting_of(*running_));
    caf::anon_send(running_->supervisor, actors::StartListening{});
    time_.serve(running_->supervisor);
    const auto& state = state_of<actors::CloudSupervisorState>(running_->supervisor);
    running_->store = state.store;
    running_->compute = state.compute;
    time_.make_slow<actors::RunStep>(running_->compute, each_pass_);
  }
  /// All its actors end at once and say nothing. Its connections are reset, unless the whole
  /// machine is gone: then they stay, and nobody answers.
  void kill(bool reset_connections = true) {
    thaw();
    auto* process = std::exchange(running_, nullptr);
    if (process == nullptr) return;
    refuse_connections();
    for (const auto& address : process->peers) {
      if (const auto peer = caf::actor_cast<caf::actor>(address)) time_.kill(peer);
    }
    time_.kill(process->store);
    time_.kill(process->compute);
    time_.kill(process->supervisor);
    if (!reset_connections) return;
    for (auto& way : ways_) way.reset();
  }
  /// Its process is stopped, as by SIGSTOP: connections stay, and new ones are made by the kernel,
  /// but nobody does anything until it thaws.
  void freeze() {
    if (!runs()) return;
    running_->frozen = true;
    on_actors([this](const auto& actor) { time_.freeze(actor); });
  }
  void thaw() {
    if (!runs() || !std::exchange(running_->frozen, false)) return;
    on_actors([this](const auto& actor) { time_.thaw(actor); });
  }
  /// It says goodbye and ends in order.
  void stop() {
    thaw();
    if (auto* process = std::exchange(running_, nullptr)) {
      refuse_connections();
      caf::anon_send(process->supervisor, actors::StopCloud{});
    }
  }
  void refuse_connections() {
    accepting_ = false;
    for (auto& way : ways_) way.stop_listening();
  }
  void accept_connections() {
    if (!runs()) return;
    accepting_ = true;
    for (auto& way : ways_) way.listen("cloud", running_->make_owner);
  }

  /// Of the process that runs.
  const monitoring::CloudMetrics& metrics() const { return running_->metrics; }
  actors::StoreLevel store_level() {
    return ask<actors::StoreLevel>(running_->store, actors::GetStoreLevel{});
  }
  actors::ComputeLevel compute_level() {
    return ask<actors::ComputeLevel>(running_->compute, actors::GetComputeLevel{});
  }
  /// Connections that there have been, to any of its processes.
  std::size_t connections_ever() const {
    std::size_t sum = 0;
    for (const auto& process : processes_) sum += process->peers.size();
    return sum;
  }

 private:
  struct Process {
    prometheus::Registry registry;
    monitoring::CloudMetrics metrics{
        registry, {{"0", "fake", "", "", "fp32"}, transport::fault_code_names()}};
    actors::cloud_supervisor_actor supervisor;
    actors::context_store_actor store;
    actors::deep_compute_actor compute;
    transport::OwnerFactory make_owner;
    std::vector<caf::actor_addr> peers;
    bool frozen = false;
  };

  /// Does something to every actor of the process that runs.
  template <class Action>
  void on_actors(Action action) {
    action(running_->supervisor);
    action(running_->store);
    action(running_->compute);
    for (const auto& address : running_->peers) {
      if (const auto peer = caf::actor_cast<caf::actor>(address)) action(peer);
    }
  }

  /// Stands for the socket that a cloud listens on; gets nothing, and is there to be stopped.
  static caf::behavior listener(caf::event_based_actor*, int) {
    return {[](caf::unit_t) {
    }};
  }

  actors::CloudSetting setting_of(Process& process) {
    auto setting = setting_;
    setting.compute.engines.cloud = std::make_shared<FakeEngine>(model_, model::Part::cloud);
    setting.compute.engines.whole = std::make_shared<FakeEngine>(model_, model::Part::cloud_only);
    setting.metrics = &process.metrics;
    setting.listen = [this, &process](transport::OwnerFactory make_owner) {
      process.make_owner = [this, &process, make_owner = std::move(make_owner)] {
        auto peer = make_owner();
        process.peers.push_back(peer.address());
        if (process.frozen) time_.freeze(peer);
        return peer;
      };
      accept_connections();
      return transport::Listening{system_.spawn(listener, 0), {}};
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

  caf::actor_system& system_;
  caf::scoped_actor& asker_;
  SteppedTime& time_;
  FakeModel model_;
  actors::CloudSetting setting_;
  std::chrono::microseconds each_pass_;
  std::vector<transport::MemoryNetwork> ways_;
  std::vector<std::unique_ptr<Process>> processes_;  // all there ever were: actors refer to metrics
  Process* running_ = nullptr;
  bool accepting_ = false;
};

}  // namespace cecollm::tests
