#pragma once
// CAF's scheduler of a node: light actors run on the thread that serves the sockets. A token goes
// from one light actor to the next, and to or from a socket; a thread of their own would do no more
// work at once, but be woken for each step. Whatever computes or blocks is spawned detached.

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include <caf/all.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/io/network/multiplexer.hpp>

namespace cecollm::actors {

/// Needs the middleman with a thread of its own. Actors may be sent messages from any thread.
class LightScheduler final : public caf::scheduler::abstract_coordinator {
 public:
  explicit LightScheduler(caf::actor_system& system);
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>);

  /// Takes over the caller's reference.
  void enqueue(caf::resumable* job) override;
  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

 protected:
  void start() override;
  /// After the middleman has stopped: what is still due runs on the caller's thread.
  void stop() override;

 private:
  /// Jobs that run between two looks at the sockets.
  static constexpr std::size_t jobs_per_turn = 256;

  caf::io::network::multiplexer& io();
  void post_turn();
  void take_turn();
  void run(caf::resumable* job);
  /// Sees that `running_` has a job to run. False: there is none; the turn is over, and the next
  /// job begins another.
  bool take_due();

  caf::detail::thread_safe_actor_clock clock_;
  std::thread timer_;
  std::vector<caf::resumable*> running_;  // of whoever takes the turn
  std::size_t ran_ = 0;                   // of them
  std::mutex mutex_;                      // of what follows
  std::vector<caf::resumable*> due_;
  bool turn_posted_ = false;
  bool stopped_ = false;  // nobody takes turns any more
};

}  // namespace cecollm::actors
