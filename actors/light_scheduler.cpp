#include "actors/light_scheduler.hpp"

#include <utility>

#include <caf/detail/set_thread_name.hpp>
#include <caf/io/middleman.hpp>

namespace cecollm::actors {

LightScheduler::LightScheduler(caf::actor_system& system) : abstract_coordinator(system) {}

caf::actor_system::module* LightScheduler::make(caf::actor_system& system,
                                                caf::detail::type_list<>) {
  return new LightScheduler(system);  // the system owns its modules
}

caf::io::network::multiplexer& LightScheduler::io() {
  return system().middleman().backend();
}

void LightScheduler::enqueue(caf::resumable* job) {
  {
    const std::lock_guard lock(mutex_);
    due_.push_back(job);
    if (stopped_ || std::exchange(turn_posted_, true)) return;
  }
  post_turn();
}

void LightScheduler::post_turn() {
  io().post([this] { take_turn(); });
}

bool LightScheduler::take_due() {
  if (ran_ < running_.size()) return true;
  running_.clear();
  ran_ = 0;
  const std::lock_guard lock(mutex_);
  running_.swap(due_);
  turn_posted_ = !running_.empty();
  return turn_posted_;
}

void LightScheduler::take_turn() {
  for (std::size_t i = 0; i < jobs_per_turn; ++i) {
    if (!take_due()) return;
    run(running_[ran_++]);
  }
  post_turn();  // the sockets' turn
}

void LightScheduler::run(caf::resumable* job) {
  switch (job->resume(&io(), max_throughput())) {
    case caf::resumable::resume_later:
      enqueue(job);  // its reference stays with it
      break;
    case caf::resumable::shutdown_execution_unit:
      break;
    case caf::resumable::done:
    case caf::resumable::awaiting_message:
      caf::intrusive_ptr_release(job);
      break;
  }
}

void LightScheduler::start() {
  timer_ = std::thread([this] {
    CAF_SET_LOGGER_SYS(&system());
    caf::detail::set_thread_name("caf.clock");
    system().thread_started();
    clock_.run_dispatch_loop();
    system().thread_terminates();
  });
  abstract_coordinator::start();
}

void LightScheduler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  while (take_due()) run(running_[ran_++]);
  stop_actors();
  clock_.cancel_dispatch_loop();
  timer_.join();
  while (take_due()) cleanup_and_release(running_[ran_++]);
}

}  // namespace cecollm::actors
