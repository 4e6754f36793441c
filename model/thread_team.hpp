#pragma once
// A few threads that work through one computation in step. A decode step has some fifty phases of
// ten microseconds, between which all threads must wait for each other: a pool that hands out
// tasks, or a wait that goes through the kernel, would take longer than the phases.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace cecollm::model {

/// Lets a fixed number of threads through together, any number of times. Waits by looking again for
/// some ten microseconds, then in the kernel, so a thread that was put aside costs the others no
/// more than their turn.
class Barrier {
 public:
  void reset(int members) { members_ = members; }
  void arrive_and_wait();

 private:
  int members_ = 1;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
};

/// Threads are started when they are first needed and wait between runs. One thread at a time may
/// call it.
class ThreadTeam {
 public:
  /// One thread's place in a run.
  struct Member {
    int index = 0;
    int count = 1;
    Barrier* barrier = nullptr;
    /// What all members wrote before is seen by all after it.
    void wait_for_all() const {
      if (count > 1) barrier->arrive_and_wait();
    }
    struct Range {
      std::int64_t begin, end;
    };
    /// This member's share of 0 .. total - 1.
    Range share_of(std::int64_t total) const {
      return {total * index / count, total * (index + 1) / count};
    }
  };
  using Body = std::function<void(const Member&)>;

  /// `threads` at most, the caller's included; at least one.
  explicit ThreadTeam(int threads);
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;
  ~ThreadTeam();

  int threads() const { return threads_; }
  /// Runs `body` on `members` threads, the caller's among them, and returns when all have ended.
  /// `body` throws nothing.
  void run(int members, const Body& body);

 private:
  struct alignas(64) Worker {
    std::atomic<int> turn{0};  // goes up when there is work, or when to end
    Member member;
    std::thread thread;
  };
  void serve(Worker& worker);
  /// How many of `count` there are.
  int start_workers(int count);

  int threads_;
  std::vector<std::unique_ptr<Worker>> workers_;
  const Body* body_ = nullptr;  // of the run
  bool ending_ = false;
  Barrier barrier_;  // of the run's members
};

}  // namespace cecollm::model
