#include "apps/termination.hpp"

#include <atomic>
#include <ctime>

#include <unistd.h>

namespace cecollm::apps {
namespace {

std::atomic<pthread_t> waiting_thread{};
static_assert(std::atomic<pthread_t>::is_always_lock_free, "a signal handler reads it");

/// Runs on a thread that does not block the signal; where it waits, it is blocked and stays.
void hand_on(int signal) {
  pthread_kill(waiting_thread, signal);
}

void install(int signal, struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = hand_on;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, &before);
}

}  // namespace

Termination::Termination() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  waiting_thread = pthread_self();
  install(SIGINT, interrupt_before_);
  install(SIGTERM, terminate_before_);
}

Termination::~Termination() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Termination::wait_for(std::chrono::milliseconds limit) {
  if (received_) return true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(seconds.count());
  time.tv_nsec = static_cast<long>(std::chrono::nanoseconds(limit - seconds).count());
  received_ = sigtimedwait(&signals_, nullptr, &time) > 0;
  return received_;
}

void terminate_this_process() {
  kill(getpid(), SIGTERM);
}

}  // namespace cecollm::apps
