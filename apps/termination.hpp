#pragma once
// SIGINT and SIGTERM as something to wait for, for the commands that run until they are told to
// end.

#include <chrono>
#include <csignal>

namespace cecollm::apps {

/// Blocks both signals for this thread and every thread that starts later, so construct it before
/// any actor system. Threads that were there before, such as a BLAS library's, hand them on to this
/// one, which alone may wait. The destructor restores mask and handlers. One at a time.
class Termination {
 public:
  Termination();
  ~Termination();
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

  /// Waits at most `limit`; true once a signal has come.
  bool wait_for(std::chrono::milliseconds limit);

 private:
  sigset_t signals_{};
  sigset_t before_{};
  struct sigaction interrupt_before_ {};
  struct sigaction terminate_before_ {};
  bool received_ = false;
};

/// Sends SIGTERM to this process, for whom its Termination waits.
void terminate_this_process();

}  // namespace cecollm::apps
