#pragma once
// The test coordinator's time, one timer after the other: nothing happens late because a test moved
// the clock in great steps, and tests may act at an exact time or between two messages.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <gtest/gtest.h>

namespace cecollm::tests {

class SteppedTime {
 public:
  using TimePoint = caf::actor_clock::time_point;
  using Duration = caf::actor_clock::duration_type;
  using Action = std::function<void()>;

  explicit SteppedTime(caf::actor_system& system)
      : scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {}

  TimePoint now() const { return scheduler_.clock().now(); }

  /// Runs `action` when the clock has reached `time`, before the timers of that time.
  void at(TimePoint time, Action action) { actions_.emplace(time, std::move(action)); }
  /// Is called after each message that an actor has handled.
  void after_each_message(Action action) { after_message_ = std::move(action); }
  void forget_actions() { actions_.clear(); }

  /// From now on each `Work` takes the actor so long, as if it computed on a thread of its own.
  /// What else it hears of it does in no time, but behind the work that is under way.
  template <class Work, class Handle>
  void make_slow(const Handle& actor, Duration each) {
    const auto is_work = [](const caf::type_erased_tuple& message) {
      return message.match_elements<Work>();
    };
    workers_.push_back(
        {caf::actor_cast<caf::strong_actor_ptr>(actor), job_of(actor), each, is_work, {}, false});
  }
  void make_all_fast() {
    for (auto& worker : workers_) {
      worker.each = {};
      if (worker.done_at) hand_back(worker);
    }
  }

  /// Delivers every message there is; the clock stands still.
  void run() {
    for (std::int64_t messages = 0; !scheduler_.jobs.empty(); ++messages) {
      if (messages == most_messages) {
        ADD_FAILURE() << "the actors send each other messages without end";
        scheduler_.jobs.clear();
        return;
      }
      if (is_frozen() || begins_to_compute()) continue;
      scheduler_.run_once();
      if (after_message_) after_message_();
    }
  }

  /// Everything until `time`, that time included.
  void run_until(TimePoint time) {
    run_until([] { return false; }, time);
  }
  void advance(Duration time) { run_until(now() + time); }

  /// Everything until `done`, at most until `limit`. False: it was not done by then.
  bool run_until(const std::function<bool()>& done, TimePoint limit) {
    for (run(); !done(); run()) {
      const auto& timers = scheduler_.clock().schedule();
      const auto timer = timers.empty() ? TimePoint::max() : timers.begin()->first;
      const auto action = actions_.empty() ? TimePoint::max() : actions_.begin()->first;
      auto* worker = first_done();
      const auto done_at = worker != nullptr ? *worker->done_at : TimePoint::max();
      if (std::min({timer, action, done_at}) > limit) {
        move_to(limit);
        return false;
      }
      if (done_at <= std::min(timer, action)) {
        move_to(done_at);
        hand_back(*worker);
      } else if (action <= timer) {
        move_to(action);
        auto next = std::move(actions_.begin()->second);
        actions_.erase(actions_.begin());
        next();
      } else {
        scheduler_.trigger_timeout();
      }
    }
    return true;
  }

  /// An actor that is frozen does nothing; what it is sent waits until it thaws.
  template <class Handle>
  void freeze(const Handle& actor) {
    frozen_.emplace(job_of(actor), false);
  }
  template <class Handle>
  void thaw(const Handle& actor) {
    const auto found = frozen_.find(job_of(actor));
    if (found == frozen_.end()) return;
    if (found->second) scheduler_.jobs.push_back(found->first);
    frozen_.erase(found);
  }

  /// Lets an actor handle its next message before anything else happens.
  template <class Handle>
  void serve(const Handle& actor) {
    thaw(actor);
    for (auto& worker : workers_) {
      if (worker.done_at && worker.actor == actor) hand_back(worker);
    }
    if (scheduler_.prioritize(actor)) scheduler_.run_once();
  }
  /// Ends an actor before anything else happens.
  template <class Handle>
  void kill(const Handle& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    serve(actor);
  }

 private:
  /// At one point in time; far beyond what any test needs.
  static constexpr std::int64_t most_messages = 1'000'000;

  struct Worker {
    caf::strong_actor_ptr actor;
    caf::resumable* job = nullptr;
    Duration each{0};
    std::function<bool(const caf::type_erased_tuple&)> is_work;
    std::optional<TimePoint> done_at;  // computes until then; the scheduler does not have its job
    bool done = false;                 // has computed, and may tell
  };

  template <class Handle>
  static caf::resumable* job_of(const Handle& actor) {
    return dynamic_cast<caf::resumable*>(caf::actor_cast<caf::abstract_actor*>(actor));
  }

  /// Takes the next job from the scheduler, if its actor is frozen.
  bool is_frozen() {
    const auto found = frozen_.find(scheduler_.jobs.front());
    if (found == frozen_.end()) return false;
    scheduler_.jobs.pop_front();
    found->second = true;
    return true;
  }

  /// Takes the next job from the scheduler, if it is one that takes time and has not had it yet.
  bool begins_to_compute() {
    for (auto& worker : workers_) {
      if (worker.job != scheduler_.jobs.front() || worker.each.count() == 0) continue;
      if (std::exchange(worker.done, false)) return false;
      auto* actor = caf::actor_cast<caf::abstract_actor*>(worker.actor);
      const auto* next = actor->peek_at_next_mailbox_element();
      if (next == nullptr || !worker.is_work(next->content())) return false;
      scheduler_.jobs.pop_front();
      worker.done_at = now() + worker.each;
      return true;
    }
    return false;
  }
  Worker* first_done() {
    Worker* first = nullptr;
    for (auto& worker : workers_) {
      if (worker.done_at && (first == nullptr || *worker.done_at < *first->done_at)) {
        first = &worker;
      }
    }
    return first;
  }
  void hand_back(Worker& worker) {
    worker.done_at.reset();
    worker.done = true;
    scheduler_.jobs.push_front(worker.job);
  }

  void move_to(TimePoint time) {
    auto& clock = scheduler_.clock();
    clock.current_time = std::max(clock.current_time, time);
  }

  caf::scheduler::test_coordinator& scheduler_;
  std::multimap<TimePoint, Action> actions_;
  Action after_message_;
  std::vector<Worker> workers_;
  std::map<caf::resumable*, bool> frozen_;  // whether the scheduler had its job, which waits here
};

}  // namespace cecollm::tests
