#include "model/thread_team.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace cecollm::model {
namespace {

// Some 50 us where a pause takes 140 cycles (Intel since Skylake), 15 us where it takes 40.
constexpr int looks = 1000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns once `value` is no longer `old`.
void await_change(std::atomic<int>& value, int old) {
  for (int i = 0; i < looks; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

void change(std::atomic<int>& value) {
  value.fetch_add(1, std::memory_order_acq_rel);
  value.notify_all();
}

}  // namespace

void Barrier::arrive_and_wait() {
  // Read first: once this member has arrived, the others may be through and in another run.
  const int members = members_;
  const int phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < members) {
    await_change(phase_, phase);
    return;
  }
  arrived_.store(0, std::memory_order_relaxed);
  change(phase_);
}

ThreadTeam::ThreadTeam(int threads) : threads_(std::max(1, threads)) {}

ThreadTeam::~ThreadTeam() {
  ending_ = true;
  for (const auto& worker : workers_) change(worker->turn);
  for (const auto& worker : workers_) worker->thread.join();
}

void ThreadTeam::serve(Worker& worker) {
  for (int turn = 0;; ++turn) {
    await_change(worker.turn, turn);
    if (ending_) return;
    (*body_)(worker.member);
    worker.member.wait_for_all();
  }
}

int ThreadTeam::start_workers(int count) {
  while (static_cast<int>(workers_.size()) < count) {
    auto worker = std::make_unique<Worker>();
    auto& added = *worker;
    try {
      added.thread = std::thread([this, &added] { serve(added); });
    } catch (const std::system_error&) {
      break;  // the system has no more threads: the work is done by those there are
    }
    workers_.push_back(std::move(worker));
  }
  return std::min(count, static_cast<int>(workers_.size()));
}

void ThreadTeam::run(int members, const Body& body) {
  members = 1 + start_workers(std::clamp(members, 1, threads_) - 1);
  body_ = &body;
  barrier_.reset(members);
  for (int i = 1; i < members; ++i) {
    auto& worker = *workers_[static_cast<std::size_t>(i - 1)];
    worker.member = {i, members, &barrier_};
    change(worker.turn);
  }
  const Member self{0, members, &barrier_};
  body(self);
  self.wait_for_all();
}

}  // namespace cecollm::model
